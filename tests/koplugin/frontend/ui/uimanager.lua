-- Timers run when the harness moves the clock. Errors in them are not caught, here as in KOReader.

local UIManager = { tasks = {}, shown = {} }

function UIManager:scheduleIn(seconds, action, ...)
    assert(seconds >= 0, "Only positive seconds allowed")
    local task = { at = host.monotonic() + seconds, action = action, args = { n = select("#", ...), ... } }
    local index = #self.tasks + 1
    while index > 1 and self.tasks[index - 1].at > task.at do
        index = index - 1
    end
    table.insert(self.tasks, index, task)
end

function UIManager:nextTick(action, ...)
    self:scheduleIn(0, action, ...)
end

function UIManager:unschedule(action)
    for index = #self.tasks, 1, -1 do
        if self.tasks[index].action == action then
            table.remove(self.tasks, index)
        end
    end
end

function UIManager:run_due()
    while self.tasks[1] and self.tasks[1].at <= host.monotonic() do
        local task = table.remove(self.tasks, 1)
        task.action(unpack(task.args, 1, task.args.n))
    end
end

function UIManager:next_at()
    return self.tasks[1] and self.tasks[1].at
end

function UIManager:show(widget)
    assert(not coroutine.running(), "a window shown while a document opens is covered by the reader")
    table.insert(self.shown, widget)
    host.show(widget.kind, widget.text)
end

function UIManager:close(widget)
    for index = #self.shown, 1, -1 do
        if self.shown[index] == widget then
            table.remove(self.shown, index)
        end
    end
end

function UIManager:forceRePaint() end

--- To whatever has the screen; KOReader also tells other windows, but here there is just one that listens.
function UIManager:broadcastEvent(event)
    if self.ui then
        self.ui:handleEvent(event)
    end
end

UIManager.sendEvent = UIManager.broadcastEvent

--- Answer the question on the screen; the answer to a question that nobody asked is an error.
function UIManager:answer(is_yes)
    for index = #self.shown, 1, -1 do
        local widget = self.shown[index]
        if widget.kind == "ConfirmBox" then
            table.remove(self.shown, index)
            local callback = is_yes and widget.ok_callback or widget.cancel_callback
            if callback then
                callback()
            end
            return
        end
    end
    error("no question is on the screen")
end

return UIManager
