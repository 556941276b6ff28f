--- Runs a task in a process of its own, so that nothing the network does can hold up the screen.
--
-- Name resolution and TLS handshakes keep to no time-out of LuaSocket's; a process can be ended whatever it waits for.
-- The task must not touch settings, windows or the state of any module: what it changes is lost with its process.

local UIManager = require("ui/uimanager")
local ffiUtil = require("ffi/util")
local logger = require("logger")
local time = require("ui/time")

local guard = require("tomesync/guard")

local background = {}

local Job = {}
Job.__index = Job

-- How long until the first look at what became of it, and the longest time between two.
local FIRST_LOOK_SECONDS = 0.05
local LONGEST_LOOK_SECONDS = 0.5
-- While the screen waits for it.
local WAITING_LOOK_MICROSECONDS = 20000
local COLLECT_SECONDS = 2

local function seconds_since(moment)
    return time.to_number(time.now() - moment)
end

-- Standby would stop the process with the device; older releases and many devices know none.
local function keep_awake()
    if UIManager.preventStandby then
        UIManager:preventStandby()
    end
end

local function let_sleep()
    if UIManager.allowStandby then
        UIManager:allowStandby()
    end
end

--- A process that has ended is to be collected, or it stays in the system's table. One that is to end is told so until
--- it does: just after its start it cannot be reached yet. Its pipe is read only then, since that waits for its end.
local function collect(pid, fd, is_stopped)
    if is_stopped then
        ffiUtil.terminateSubProcess(pid)
    end
    if not ffiUtil.isSubProcessDone(pid) then
        UIManager:scheduleIn(COLLECT_SECONDS, function()
            guard(collect)(pid, fd, is_stopped)
        end)
    elseif fd then
        ffiUtil.readAllFromFD(fd)
    end
end

--- What the task answered, as far as there is something to read. The second value says that it is at its end.
function Job:_output()
    local is_done = ffiUtil.isSubProcessDone(self.pid)
    local size = ffiUtil.getNonBlockingReadSize(self.fd)
    if is_done or (size and size > 0) then
        local text = ffiUtil.readAllFromFD(self.fd)
        self.fd = nil
        -- One that writes has done its work; its last steps are waited for elsewhere.
        if not is_done then
            collect(self.pid)
        end
        return text, true
    end
    return nil, false
end

function Job:_end(text, why)
    if self.is_ended then
        return
    end
    self.is_ended = true
    UIManager:unschedule(self.look)
    let_sleep()
    -- The first byte tells an empty answer from none.
    if type(text) == "string" and text:sub(1, 1) == "+" then
        self.on_end(text:sub(2))
    else
        self.on_end(nil, why or "failed")
    end
end

function Job:_stop()
    collect(self.pid, self.fd, true)
    self.fd = nil
end

function Job:_look()
    if self.is_ended then
        return
    end
    local text, is_done = self:_output()
    if is_done then
        self:_end(text)
    elseif seconds_since(self.started_at) >= self.seconds then
        self:_stop()
        self:_end(nil, "timeout")
    else
        self.look_seconds = math.min(self.look_seconds * 1.5, LONGEST_LOOK_SECONDS)
        UIManager:scheduleIn(self.look_seconds, self.look)
    end
end

--- End it now; `on_end` is not called.
function Job:cancel()
    if self.is_ended then
        return
    end
    self.is_ended = true
    UIManager:unschedule(self.look)
    if self.pid then
        self:_stop()
        let_sleep()
    end
end

local function forked(task)
    local did_run, pid, fd = pcall(ffiUtil.runInSubProcess, function(_pid, child_fd)
        local is_done, text = pcall(task, true)
        if not is_done then
            logger.warn("tomesync:", text)
        end
        ffiUtil.writeToFD(child_fd, is_done and "+" .. (text or "") or "", true)
    end, true)
    if did_run and pid then
        return pid, fd
    end
    return nil
end

-- Where there are no processes the task runs here, and knows it: then it must hurry.
local function run_here(task)
    local is_done, text = pcall(task, false)
    if is_done then
        return text or ""
    end
    logger.warn("tomesync:", text)
    return nil, "failed"
end

--- Start `task`, which answers a text. `on_end` gets the text, or nil and "timeout" or "failed", from the main loop.
--
-- `task` is told whether it has a process of its own. Answers the job, which can be cancelled.
function background.start(task, seconds, on_end)
    local job = setmetatable({
        seconds = seconds,
        look_seconds = FIRST_LOOK_SECONDS,
        started_at = time.now(),
        is_ended = false,
        on_end = guard(on_end),
    }, Job)
    job.look = function()
        local did_run, message = pcall(job._look, job)
        if not did_run then
            -- Whoever waits for it would wait for ever.
            logger.warn("tomesync:", message)
            guard(job._stop)(job)
            job:_end(nil, "failed")
        end
    end
    job.pid, job.fd = forked(task)
    if job.pid then
        keep_awake()
        UIManager:scheduleIn(FIRST_LOOK_SECONDS, job.look)
    else
        local text, why = run_here(task)
        job.look = guard(function()
            if not job.is_ended then
                job.is_ended = true
                job.on_end(text, why)
            end
        end)
        UIManager:nextTick(job.look)
    end
    return job
end

--- Run `task` and let the screen wait for it, no longer than `seconds`. Answers the text, or nil and why not.
--
-- Only for the moments after which there is no later: the network is about to go, the device about to sleep.
function background.wait(task, seconds)
    local pid, fd = forked(task)
    if not pid then
        return run_here(task)
    end
    local job = setmetatable({ pid = pid, fd = fd }, Job)
    local started_at = time.now()
    while seconds_since(started_at) < seconds do
        local text, is_done = job:_output()
        if is_done then
            if text and text:sub(1, 1) == "+" then
                return text:sub(2)
            end
            return nil, "failed"
        end
        ffiUtil.usleep(WAITING_LOOK_MICROSECONDS)
    end
    job:_stop()
    return nil, "timeout"
end

return background
