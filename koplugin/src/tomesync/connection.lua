--- Asks the server, in the background or while the screen waits, and stops asking one that does not answer.
--
-- The words are those of `client`, and two for what was not even tried: "offline" (no network, or the plugin is
-- off) and "paused" (three failures so far).

local NetworkMgr = require("ui/network/manager")

local background = require("tomesync/background")
local flow = require("tomesync/flow")
local times = require("tomesync/times")
local transport = require("tomesync/transport")

local Connection = {}
Connection.__index = Connection

-- A server that is away costs no more than this, on the screen or off it.
local MOST_SECONDS = 5
-- For what the reader asked for, with a message on the screen that says so.
local PATIENT_SECONDS = 20

local FAILURES = { key = true, server = true, stranger = true, network = true }

Connection.PATIENT_SECONDS = PATIENT_SECONDS

--- Whether a word means that the server could not be spoken to.
function Connection.is_failure(word)
    return FAILURES[word] == true
end

--- Whether a word is the server's own, to what it was asked.
function Connection.was_heard(word)
    return word == "ok" or word == "unknown" or word == "bad"
end

--- `given`: client, breaker, is_on() → whether the plugin is.
function Connection.new(given)
    return setmetatable({
        client = given.client,
        breaker = given.breaker,
        is_on = given.is_on,
        last_failure = nil, -- the word of the last answer, if it was one of failure, and that answer
        last_answer = nil,
    }, Connection)
end

--- What kept it from answering may be over: ask again, however often it did not answer.
function Connection:try_again()
    self.breaker:reset()
end

--- Why the server is not to be asked now, or nil. Never brings up Wi-Fi.
function Connection:obstacle(is_asked)
    if not is_asked and not self.is_on() or not NetworkMgr:isConnected() then
        return "offline"
    elseif not is_asked and self.breaker:is_open() then
        return "paused"
    end
    return nil
end

--- Note what became of a request that was made elsewhere. Answers the same.
function Connection:note(word, answer)
    self.failures_before = self.breaker.failures
    self.breaker:note(FAILURES[word] == true)
    self.last_failure = FAILURES[word] and word or nil
    self.last_answer = FAILURES[word] and answer or nil
    return word, answer
end

--- Note that what was taken for an answer of Tome's was none: a portal can speak JSON too. Answers the word and its
--- answer.
function Connection:note_stranger(status)
    self.breaker.failures = self.failures_before or 0
    return self:note("stranger", { status = status or 200 })
end

--- What came back for a request; `clock_offset` is how far the server's clock is ahead of this device's.
function Connection:_read(request, packed, why)
    if self.client.server_url() ~= request.server_url then
        -- The reader has chosen another server meanwhile, of which this says nothing.
        return "offline", {}
    elseif not packed then
        return self:note("network", { reason = why == "timeout" and "timeout" or "other", message = why })
    end
    local status, text, note = transport.unpack(packed)
    local word, answer = self.client:read(status, text, note)
    local seconds = not FAILURES[word] and (times.http_seconds(note) or times.seconds(answer.server_time))
    if seconds then
        self.clock_offset = seconds - os.time()
    end
    return self:note(word, answer)
end

--- Ask from within a flow, without holding up anything. `options`: arguments, body, and is_asked if the reader waits
--- for it.
--
-- Answers one word and a table.
function Connection:ask(method, path, options)
    options = options or {}
    local obstacle = self:obstacle(options.is_asked)
    if obstacle then
        return obstacle, {}
    end
    local request = self.client:request(method, path, options.arguments, options.body)
    if not request then
        return "bad", {}
    end
    local seconds = options.is_asked and PATIENT_SECONDS or MOST_SECONDS
    return self:_read(request, flow.run(transport.task(request, seconds), seconds))
end

--- Ask while the screen waits, five seconds at most in all.
--
-- Not at all if nobody answered the last time: what is sent later is not lost, and every sleep would cost as much.
function Connection:ask_now(method, path, options)
    local obstacle = self:obstacle(false) or self.last_failure == "network" and "paused"
    if obstacle then
        return obstacle, {}
    end
    local request = self.client:request(method, path, options.arguments, options.body)
    if not request then
        return "bad", {}
    end
    return self:_read(request, background.wait(transport.task(request, MOST_SECONDS), MOST_SECONDS))
end

return Connection
