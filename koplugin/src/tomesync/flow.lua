--- Steps that wait for the network without holding up the screen, written as if they were one function.
--
-- Between two steps anything may have happened: the book closed, the plugin turned off. Whoever goes on must look.

local UIManager = require("ui/uimanager")

local background = require("tomesync/background")
local guard = require("tomesync/guard")

local flow = {}

local Flow = {}
Flow.__index = Flow

local flows = {} -- by their coroutines, for as long as they run

function Flow:_go_on()
    if self.is_ended then
        return
    end
    local did_run, message = coroutine.resume(self.thread)
    if coroutine.status(self.thread) == "dead" then
        self:_let_go()
    end
    if not did_run then
        error(message)
    end
end

--- What it held, an open book perhaps, is to be free: an entry that holds its own key is never collected.
function Flow:_let_go()
    flows[self.thread] = nil
    self.on_end, self.stop = nil, nil
end

--- End it where it waits. `on_end` is called, with true.
function Flow:cancel()
    if self.is_ended then
        return
    end
    self.is_ended = true
    local stop, on_end = self.stop, self.on_end
    self:_let_go()
    if stop then
        stop()
    end
    if on_end then
        on_end(true)
    end
end

--- Start `body` as a flow, which runs at once until it first waits. `on_end(was_cancelled)` is called once, also after
--- an error in `body`, which is logged.
function flow.start(body, on_end)
    local self = setmetatable({ is_ended = false, on_end = on_end and guard(on_end) }, Flow)
    self.thread = coroutine.create(function()
        guard(body)(self)
        self.is_ended = true
        if self.on_end then
            self.on_end(false)
        end
    end)
    flows[self.thread] = self
    self:_go_on()
    return self
end

--- Whether this runs inside a flow.
function flow.is_running()
    local thread = coroutine.running()
    return thread ~= nil and flows[thread] ~= nil
end

--- Wait until `start(go_on)` has called `go_on`, and answer what it was given. `start` answers how to stop it.
function flow.await(start)
    local self = assert(flows[coroutine.running()], "only a flow can wait")
    local results, is_waiting
    self.stop = start(function(...)
        results = { n = select("#", ...), ... }
        if is_waiting then
            self:_go_on()
        end
    end)
    if not results then
        is_waiting = true
        coroutine.yield()
    end
    self.stop = nil
    return unpack(results, 1, results.n)
end

--- Run `task` in a process of its own; see `background.start` for what it is and what comes back.
function flow.run(task, seconds)
    return flow.await(function(go_on)
        local job = background.start(task, seconds, go_on)
        return function()
            job:cancel()
        end
    end)
end

--- Run `action` outside of the flow's coroutine, and go on after it. KOReader takes whatever runs in a coroutine for
--- something that can be suspended, so what touches the open book must not.
function flow.outside(action)
    flow.await(function(go_on)
        local act = guard(function()
            guard(action)()
            go_on()
        end)
        UIManager:nextTick(act)
        return function()
            UIManager:unschedule(act)
        end
    end)
end

function flow.sleep(seconds)
    flow.await(function(go_on)
        local wake = guard(function()
            go_on()
        end)
        UIManager:scheduleIn(seconds, wake)
        return function()
            UIManager:unschedule(wake)
        end
    end)
end

return flow
