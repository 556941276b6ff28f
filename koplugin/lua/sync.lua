--- Sends the outbox and asks the server, and rests after a failure so that a dead server costs little.

local times = require("tomesync/times")

local Sync = {}
Sync.__index = Sync

local LARGEST_BATCH = 100
-- Enough for the whole outbox; a bound, so that no answer of any server can keep the screen frozen for ever.
local MOST_REQUESTS = 30
-- What is not sent by then waits for the next occasion, unless the reader waits for it.
local LONGEST_FLUSH_SECONDS = 5
-- A server that is away costs one short timeout; opening and closing books meanwhile costs nothing.
local FIRST_REST_SECONDS = 120
local LONGEST_REST_SECONDS = 1800

local FAILURES = { key = true, server = true, stranger = true, network = true }

--- `given`: outbox, client, places, clock() → seconds, and device { id, name, model, plugin_version }.
function Sync.new(given)
    return setmetatable({
        outbox = given.outbox,
        client = given.client,
        places = given.places,
        clock = given.clock,
        device = given.device,
        failed_at = nil,
        rest_seconds = 0,
        went_offline = false,
        behind = {},
        last_failure = nil,
        last_sync_at = nil,
        newest_plugin = nil,
    }, Sync)
end

--- Whether a failure is so recent that nothing is to be tried unless the reader asks.
function Sync:is_resting()
    if not self.failed_at then
        return false
    end
    local elapsed = self.clock() - self.failed_at
    -- A clock that was set back must not keep it resting for years.
    return elapsed >= 0 and elapsed < self.rest_seconds
end

function Sync:network_went()
    self.went_offline = true
end

--- Another network may reach the server. (Some devices say "connected" again and again: that alone is no news.)
function Sync:network_came()
    if self.went_offline then
        self.went_offline = false
        self.failed_at = nil
        self.rest_seconds = 0
    end
end

function Sync:_note(word)
    if FAILURES[word] then
        self.failed_at = self.clock()
        self.rest_seconds = math.min(math.max(self.rest_seconds * 2, FIRST_REST_SECONDS), LONGEST_REST_SECONDS)
        self.last_failure = word
    else
        self.failed_at = nil
        self.rest_seconds = 0
        self.last_failure = nil
        self.last_sync_at = self.clock()
    end
    return word
end

local function items_of(entries)
    local items = {}
    for _, entry in ipairs(entries) do
        table.insert(items, entry.item)
    end
    -- An empty table would travel as an object.
    return #items > 0 and items or nil
end

local function fate_of(verdict, reason)
    if verdict == "stored" or verdict == "duplicate" or verdict == "ignored" or verdict == "stale" then
        return "sent"
    elseif verdict == "refused" then
        return { refused = type(reason) == "string" and reason or "" }
    end
    return nil
end

--- What the server said about the entries of a batch; those that it did not speak about are left out.
function Sync:_fates(batch, answer)
    local fates = {}
    local function decide(entry, verdict)
        fates[entry] = type(verdict) == "table" and fate_of(verdict.verdict, verdict.reason) or nil
        return fates[entry]
    end
    -- Sessions have a name, positions only their order.
    local by_uuid = {}
    for _, verdict in ipairs(type(answer.sessions) == "table" and answer.sessions or {}) do
        if type(verdict) == "table" and verdict.session_uuid ~= nil then
            by_uuid[verdict.session_uuid] = verdict
        end
    end
    for _, entry in ipairs(batch.sessions) do
        decide(entry, by_uuid[entry.item.session_uuid])
    end
    local verdicts = type(answer.positions) == "table" and answer.positions or {}
    if #verdicts == #batch.positions then
        for index, entry in ipairs(batch.positions) do
            local verdict = verdicts[index]
            local ko_md5 = entry.item.ko_md5
            if decide(entry, verdict) and ko_md5 then
                self.behind[ko_md5] = verdict.verdict == "stale" or nil
                if verdict.verdict == "stored" then
                    self.places:remember(ko_md5, verdict.revision, self.clock())
                end
            end
        end
    end
    return fates
end

--- Whether the server holds a place of that file that was read elsewhere, by its last answer.
function Sync:is_behind(ko_md5)
    return self.behind[ko_md5] == true
end

function Sync:_post(batch, is_patient)
    local now = self.clock()
    return self.client:post("/tome-sync/sync", {
        device = self.device,
        sent_at = times.iso(now),
        timezone = times.offset(now),
        positions = items_of(batch.positions),
        sessions = items_of(batch.sessions),
    }, is_patient)
end

--- Send what waits. Answers "ok", "nothing" (there was nothing to send), "resting", or the client's word of failure.
--
-- With `is_asked` the reader waits for it: it rests not, and is more patient with the network.
function Sync:flush(is_asked)
    if not is_asked and self:is_resting() then
        return "resting"
    end
    local most, is_tried, did_send = LARGEST_BATCH, {}, false
    local started_at = self.clock()
    for _ = 1, MOST_REQUESTS do
        local batch = self.outbox:batch(most, is_tried)
        local count = #batch.positions + #batch.sessions
        local is_late = not is_asked and self.clock() - started_at >= LONGEST_FLUSH_SECONDS
        if count == 0 or is_late then
            break
        end
        local word, answer = self:_post(batch, is_asked)
        local fates
        if word == "ok" then
            fates = self:_fates(batch, answer)
            -- Any web server can answer 200 with some JSON; only verdicts show that it was ours.
            word = next(fates) and word or "stranger"
        end
        if FAILURES[self:_note(word)] then
            return word
        end
        did_send = true
        if word == "ok" then
            self.places:belong_to(answer.server_id)
            self.newest_plugin = answer.plugin_version or self.newest_plugin
            self.outbox:settle(fates)
        elseif count > 1 then
            -- It cannot read the whole: look for what it is.
            most = math.max(1, math.floor(count / 2))
        else
            local entry = batch.positions[1] or batch.sessions[1]
            if entry.is_troubled then
                break
            end
            self.outbox:mark_troubled(entry)
            most = LARGEST_BATCH
        end
        if word == "ok" or count == 1 then
            for _, entries in pairs(batch) do
                for _, entry in ipairs(entries) do
                    is_tried[entry] = true
                end
            end
        end
    end
    return did_send and "ok" or "nothing"
end

function Sync:_get(path, arguments, is_asked)
    if not is_asked and self:is_resting() then
        return "resting", {}
    end
    local word, answer = self.client:get(path, arguments, is_asked)
    return self:_note(word), answer
end

--- Which book a file is: "ok" and its id, or the word that says why not.
function Sync:resolve(file, is_asked)
    local word, answer = self:_get("/tome-sync/resolve", file, is_asked)
    if word == "ok" and type(answer.book_id) ~= "number" then
        return self:_note("stranger")
    end
    return word, answer.book_id
end

--- The server's place in a book: "ok" and the answer, or the word that says why not. `locator`: "xpointer" or "page".
function Sync:place(book_id, ko_md5, locator, is_asked)
    local word, answer = self:_get(string.format("/tome-sync/position/%d", book_id), {
        ko_md5 = ko_md5,
        device_id = self.device.id,
        locator = locator,
    }, is_asked)
    if word == "ok" and (type(answer.percentage) ~= "number" or type(answer.revision) ~= "number") then
        return self:_note("stranger")
    end
    return word, answer
end

return Sync
