--- One stretch of reading, from opening or waking to closing or sleeping. Knows no clock: each call is told the time.

local times = require("tomesync/times")

local Session = {}
Session.__index = Session

-- Opening a book to look something up is no reading; the server ignores the same.
local SHORTEST_SECONDS = 10
-- After such a pause reading begins anew: the server spreads a session's seconds evenly between its start and end.
local LONGEST_PAUSE_SECONDS = 30 * 60

--- `given`: uuid, now (seconds), page (any value that changes with the page), progress (fraction 0..1 or nil), and
-- cap_seconds, the most that counts for one page.
function Session.start(given)
    return setmetatable({
        uuid = given.uuid,
        started_at = given.now,
        page_since = given.now,
        turned_at = nil, -- the last turn, and the one before it
        turned_before = nil,
        page = given.page,
        progress_start = given.progress,
        cap_seconds = given.cap_seconds,
        seconds = 0,
        turns = 0,
        last_was_turn = false,
    }, Session)
end

function Session:_counted(elapsed)
    return math.max(0, math.min(elapsed, self.cap_seconds))
end

function Session:is_paused(now)
    return now - self.page_since > LONGEST_PAUSE_SECONDS
end

--- Note the page that is on the screen. True if it is another one than before.
function Session:turn(page, now)
    self.last_was_turn = page ~= self.page
    if not self.last_was_turn then
        return false
    end
    self.turned_before = self.turned_at
    local elapsed = now - self.page_since
    if elapsed < 0 then
        -- The clock was set back: its former time was wrong, so the start was too.
        self.started_at = self.started_at + elapsed
    end
    self.seconds = self.seconds + self:_counted(elapsed)
    self.page_since = now
    self.turned_at = now
    self.page = page
    self.turns = self.turns + 1
    return true
end

--- The last change of page came from a new layout or a jump, not from reading on.
function Session:take_back_turn()
    if self.last_was_turn then
        self.turns = self.turns - 1
        self.turned_at = self.turned_before
        self.last_was_turn = false
    end
end

--- What is to be told of it if it ended now; nil if it is too short to tell. Changes nothing.
function Session:record(now, progress_end)
    local last_page = self:_counted(now - self.page_since)
    local seconds = self.seconds + last_page
    if seconds < SHORTEST_SECONDS then
        return nil
    end
    return {
        session_uuid = self.uuid,
        started_at = times.iso(self.started_at),
        ended_at = times.iso(self.page_since + last_page),
        duration_seconds = seconds,
        progress_start = self.progress_start,
        progress_end = progress_end,
        pages_turned = self.turns,
        timezone = times.offset(self.started_at),
    }
end

return Session
