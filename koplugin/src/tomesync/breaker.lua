--- Stops asking a server that does not answer. Knows no clock but the one that it is given.

local Breaker = {}
Breaker.__index = Breaker

local MOST_FAILURES = 3
local PAUSE_SECONDS = 600

--- `clock()` → seconds.
function Breaker.new(clock)
    return setmetatable({ clock = clock, failures = 0, failed_at = nil }, Breaker)
end

--- Whether nothing is to be tried now.
function Breaker:is_open()
    if self.failures < MOST_FAILURES then
        return false
    end
    local elapsed = self.clock() - self.failed_at
    -- A clock that was set back must not keep it open for years.
    return elapsed >= 0 and elapsed < PAUSE_SECONDS
end

function Breaker:note(is_failure)
    if is_failure then
        self.failures = self.failures + 1
        self.failed_at = self.clock()
    else
        self:reset()
    end
end

--- After a resume, a reconnection, or when the reader asks: what was true before need not be so now.
function Breaker:reset()
    self.failures = 0
    self.failed_at = nil
end

return Breaker
