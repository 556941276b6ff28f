--- Whether to move to the server's place. Pure: everything it needs is given.

local decision = {}

-- Where two places differ by less than this fraction, layouts alone explain it.
local SAME_PLACE = 0.005

--- Whether two places, each { fraction, progress }, are one.
function decision.is_same(here, there)
    if here.progress ~= nil and here.progress == there.progress then
        return true
    end
    return here.fraction ~= nil and math.abs(here.fraction - there.fraction) < SAME_PLACE
end

--- "stay", "ask" or "go". `given`:
--
-- here, there    { fraction 0..1, progress } of the device and of the server
-- revision       of the server's place; `known_revision` is the last one that this device has seen, or nil
-- read_at        when the server's place was read, in seconds by this device's clock, or nil if that is not known
-- last_read_at   when a page was last turned here before the book was opened, or nil
-- told           the place { fraction, progress } that this device told last, or nil: a reply may have been lost
-- has_turned     whether pages were turned since: then nothing moves by itself
-- ahead, behind  what the reader wants: "auto", "ask" or "never"
-- is_asked       the reader has asked for a sync, so a place that was refused before is offered again
function decision.on_place(given)
    if decision.is_same(given.here, given.there) then
        return "stay"
    end
    if given.revision == given.known_revision and not given.is_asked then
        return "stay"
    end
    if given.told and decision.is_same(given.told, given.there) then
        return "stay"
    end
    if given.read_at and given.last_read_at and given.read_at <= given.last_read_at then
        return "stay"
    end
    local is_ahead = given.here.fraction == nil or given.there.fraction > given.here.fraction
    local wish = is_ahead and given.ahead or not is_ahead and given.behind
    if wish == "never" then
        return "stay"
    end
    -- It was read later unless the server could not say when; then it is the reader who knows.
    local is_later = given.read_at ~= nil or given.last_read_at == nil
    return wish == "auto" and is_later and not given.has_turned and "go" or "ask"
end

return decision
