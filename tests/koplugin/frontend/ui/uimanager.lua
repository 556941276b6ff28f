-- Timers run when the harness moves the clock. Errors in them are not caught, here as in KOReader.

local Event = require("ui/event")
local time = require("ui/time")

local UIManager = {
    tasks = {},
    stack = {}, -- the windows above the screen itself, the top one last
    is_opening = false,
    standby_preventions = 0,
}

local function not_in_a_process(what)
    assert(not host.in_process(), "a process of its own has no " .. what)
end

-- Timers

function UIManager:scheduleIn(seconds, action, ...)
    not_in_a_process("timers")
    assert(seconds >= 0, "Only positive seconds allowed")
    assert(action, "there is nothing to schedule")
    local task = { at = host.monotonic() + seconds, action = action, args = { n = select("#", ...), ... } }
    local index = #self.tasks + 1
    while index > 1 and self.tasks[index - 1].at > task.at do
        index = index - 1
    end
    table.insert(self.tasks, index, task)
end

function UIManager:schedule(moment, action, ...)
    self:scheduleIn(math.max(0, time.to_s(moment) - host.monotonic()), action, ...)
end

function UIManager:nextTick(action, ...)
    self:scheduleIn(0, action, ...)
end

function UIManager:tickAfterNext(action, ...)
    local args = { n = select("#", ...), ... }
    self:nextTick(function()
        self:nextTick(action, unpack(args, 1, args.n))
    end)
end

function UIManager:unschedule(action)
    local is_found = false
    for index = #self.tasks, 1, -1 do
        if self.tasks[index].action == action then
            table.remove(self.tasks, index)
            is_found = true
        end
    end
    return is_found
end

--- What is due when it begins; all of it before the next tap is looked at.
function UIManager:run_due()
    local now = host.monotonic()
    while self.tasks[1] and self.tasks[1].at <= now do
        local task = table.remove(self.tasks, 1)
        host.enter("timer")
        task.action(unpack(task.args, 1, task.args.n))
        host.leave()
    end
end

function UIManager:next_at()
    return self.tasks[1] and self.tasks[1].at
end

function UIManager:getTime()
    return time.now()
end

function UIManager:getElapsedTimeSinceBoot()
    return time.boottime()
end

-- Windows

function UIManager:show(window)
    not_in_a_process("screen")
    assert(not self.is_opening, "a window shown while a document opens is covered by the reader")
    table.insert(self.stack, window)
    if not window.invisible then
        host.show(window.kind or "widget", window.text or window.title or "")
    end
    window:handleEvent(Event:new("Show"))
end

function UIManager:close(window)
    not_in_a_process("screen")
    if not window then
        return
    end
    window:handleEvent(Event:new("FlushSettings"))
    window:handleEvent(Event:new("CloseWidget"))
    for index = #self.stack, 1, -1 do
        if self.stack[index] == window then
            table.remove(self.stack, index)
        end
    end
end

function UIManager:isWidgetShown(window)
    for _, shown in ipairs(self.stack) do
        if shown == window then
            return true
        end
    end
    return window == self.ui
end

UIManager.isSubwidgetShown = UIManager.isWidgetShown

function UIManager:getTopmostVisibleWidget()
    return self.stack[#self.stack] or self.ui
end

function UIManager:getNthTopWidget(number)
    return self.stack[#self.stack - (number or 1) + 1]
end

function UIManager:forceRePaint()
    not_in_a_process("screen")
end

function UIManager:setDirty() end

function UIManager:waitForVSync() end

--- The top window that can have buttons; a passing notification is above none.
function UIManager:top()
    for index = #self.stack, 1, -1 do
        if not self.stack[index].toast then
            return self.stack[index]
        end
    end
    return nil
end

-- Events

--- To every window, whatever they answer.
function UIManager:broadcastEvent(event)
    local windows = { self.ui }
    for _, window in ipairs(self.stack) do
        table.insert(windows, window)
    end
    for index = #windows, 1, -1 do
        windows[index]:handleEvent(event)
    end
end

--- To the top window alone.
function UIManager:sendEvent(event)
    local window = self:top() or self.ui
    if window then
        window:handleEvent(event)
    end
end

-- The device

function UIManager:preventStandby()
    self.standby_preventions = self.standby_preventions + 1
end

function UIManager:allowStandby()
    assert(self.standby_preventions > 0, "allowing more standby than there is prevented")
    self.standby_preventions = self.standby_preventions - 1
end

function UIManager:askForRestart(text)
    host.count("restarts_asked")
    host.log("restart " .. (text or ""))
end

function UIManager:restartKOReader()
    host.count("restarts_asked")
    host.log("restart now")
end

function UIManager:flushSettings()
    self:broadcastEvent(Event:new("FlushSettings"))
end

return UIManager
