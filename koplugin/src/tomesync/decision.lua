--- Whether to move to the server's place. Pure: everything it needs is given.

local decision = {}

-- Where two places differ by less than this fraction, layouts alone explain it.
local SAME_PLACE = 0.005
-- A place comes back from the server as it was told, but for what a number loses on the way.
local TOLD_FRACTION = 0.0001

--- Whether two places, each { fraction, progress, page }, are one. Pages are those of the open document, where it has
--- the place.
function decision.is_same(here, there)
    if here.progress ~= nil and here.progress == there.progress then
        return true
    elseif here.page ~= nil and there.page ~= nil then
        return here.page == there.page
    end
    return here.fraction ~= nil and there.fraction ~= nil and math.abs(here.fraction - there.fraction) < SAME_PLACE
end

--- Whether the server's place is the one that this device told.
local function is_told(told, there)
    if told.progress ~= nil and there.progress ~= nil then
        return told.progress == there.progress
    end
    return told.fraction ~= nil and math.abs(told.fraction - there.fraction) < TOLD_FRACTION
end

local function is_own(given)
    for _, told in ipairs({ given.told, unpack(given.told_before or {}) }) do
        if type(told) == "table" and is_told(told, given.there) then
            return true
        end
    end
    return false
end

--- What is known of a place, from having seen it before.
local function is_known(given)
    local known = given.known
    return known ~= nil
        and known.revision == given.revision
        -- A server that was restored counts its revisions anew.
        and (known.read_at == nil or given.read_at_told == nil or known.read_at == given.read_at_told)
end

--- "stay", "ask" or "go". `given`:
--
-- here, there    { fraction 0..1, progress, page } of the device and of the server
-- revision       of the server's place, and read_at_told, when it was read, as the server tells it
-- known          { revision, read_at } of the last place that this device has seen, or nil
-- read_at        when the server's place was read, in seconds by this device's clock, or nil if that is not known
-- last_read_at   when a page was last turned here before the book was opened, or nil
-- told           the place { fraction, progress } that this device told last, or nil
-- told_before    those before it, a list: replies may have been lost
-- is_undecided   the server has refused that one for a place that this device did not know of
-- has_turned     whether pages were turned since the book was opened: then nothing moves by itself
-- ahead, behind  what the reader wants: "auto", "ask" or "never"
-- is_asked       the reader has asked for a sync, so a place that was refused before is offered again
function decision.on_place(given)
    if decision.is_same(given.here, given.there) then
        return "stay"
    end
    -- The book is not where it was left: KOReader has lost its place, so what was told from here is news, too.
    local is_lost = given.told ~= nil and not given.has_turned and not decision.is_same(given.here, given.told)
    if not is_lost and not given.is_undecided then
        local is_earlier = given.read_at and given.last_read_at and given.read_at <= given.last_read_at
        local is_old = is_known(given) and not given.is_asked
        if is_old or is_earlier or is_own(given) then
            return "stay"
        end
    end
    local is_ahead = given.here.fraction == nil or given.there.fraction > given.here.fraction
    local wish = is_ahead and given.ahead or not is_ahead and given.behind
    if wish == "never" then
        return "stay"
    end
    -- It was read later unless the server could not say when; then it is the reader who knows.
    local is_sure = is_lost or (not given.is_undecided and (given.read_at ~= nil or given.last_read_at == nil))
    return wish == "auto" and is_sure and not given.has_turned and "go" or "ask"
end

return decision
