local files = require("files")
local lfs = require("libs/libkoreader-lfs")

local ffiUtil = {}

function ffiUtil.template(text, ...)
    local values = { ... }
    return (
        text:gsub("%%([1-9][0-9]?)", function(number)
            local value = values[tonumber(number)]
            return value ~= nil and tostring(value) or nil
        end)
    )
end

-- Processes

--- As in KOReader the task gets its process's id and the end of the pipe to write to, and its errors go nowhere.
function ffiUtil.runInSubProcess(task, with_pipe, _double_fork)
    assert(with_pipe ~= "bidi", "there is no pipe down here")
    local pid, fd = host.fork(with_pipe and true or false)
    if not pid then
        return false, fd
    elseif pid > 0 then
        return pid, fd
    end
    local did_run, message = xpcall(function()
        task(host.pid(), fd)
    end, debug.traceback)
    if not did_run then
        host.log("err error in subprocess: " .. tostring(message))
    end
    host.end_process()
end

function ffiUtil.isSubProcessDone(pid, waits)
    return host.is_done(pid, waits)
end

function ffiUtil.terminateSubProcess(pid)
    host.terminate(pid)
end

function ffiUtil.getNonBlockingReadSize(fd)
    return host.readable(fd)
end

function ffiUtil.readAllFromFD(fd)
    return host.read_all(fd)
end

function ffiUtil.writeToFD(_fd, content, closes)
    return host.write_to_fd(content, closes)
end

function ffiUtil.usleep(microseconds)
    host.pass(microseconds / 1e6)
end

function ffiUtil.sleep(seconds)
    host.pass(seconds)
end

function ffiUtil.getTimestamp()
    return host.now()
end

-- Files

function ffiUtil.fsyncOpenedFile(file)
    files.sync(file)
    host.log("fsync")
    return true
end

function ffiUtil.fsyncDirectory(_path)
    host.log("fsync of the folder")
    return true
end

function ffiUtil.df(path)
    return host.disk(path)
end

function ffiUtil.realpath(path)
    return host.real_path(path)
end

function ffiUtil.basename(path)
    return path:gsub("/+$", ""):match("([^/]*)$")
end

function ffiUtil.dirname(path)
    path = path:gsub("/+$", "")
    return path:match("^(.+)/[^/]*$") or (path:sub(1, 1) == "/" and "/" or ".")
end

function ffiUtil.joinPath(first, second)
    if second:sub(1, 1) == "/" then
        return second
    end
    return first:sub(-1) == "/" and first .. second or first .. "/" .. second
end

--- Answers a message if it failed, and nothing if it did not.
function ffiUtil.copyFile(from, to)
    local source, message = io.open(from, "rb")
    if not source then
        return message
    end
    local target
    target, message = io.open(to, "wb")
    if not target then
        source:close()
        return message
    end
    target:write(source:read("*a"))
    source:close()
    target:close()
end

function ffiUtil.purgeDir(path)
    for name in lfs.dir(path) do
        if name ~= "." and name ~= ".." then
            local inner = path .. "/" .. name
            if lfs.attributes(inner, "mode") == "directory" then
                ffiUtil.purgeDir(inner)
            else
                os.remove(inner)
            end
        end
    end
    return lfs.rmdir(path)
end

function ffiUtil.isAndroid()
    return false
end

function ffiUtil.orderedPairs(values)
    local keys, index = {}, 0
    for key in pairs(values) do
        table.insert(keys, key)
    end
    table.sort(keys, function(one, other)
        return tostring(one) < tostring(other)
    end)
    return function()
        index = index + 1
        return keys[index], values[keys[index]]
    end
end

function ffiUtil.strcoll(one, other)
    return (one or "") < (other or "")
end

return ffiUtil
