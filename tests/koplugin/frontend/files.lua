-- Lua's file functions, which tell of each step at which the power may fail, and of what is not on the disk yet.

local files = { open = io.open, rename = os.rename, remove = os.remove }

local paths = setmetatable({}, { __mode = "k" })

function files.path_of(file)
    return paths[file]
end

local function size_of(path)
    local attributes = host.attributes(path)
    return attributes and attributes.size or 0
end

--- Nothing of this without a power cut to come; it would cost each write a call.
local function install()
    local methods = getmetatable(io.stdout).__index
    local write, close = methods.write, methods.close

    function io.open(path, mode)
        mode = mode or "r"
        if not mode:find("[wa+]") then
            return files.open(path, mode)
        end
        host.step("open " .. path)
        local safe_size = mode:find("w") and 0 or size_of(path)
        local file, message, code = files.open(path, mode)
        if file then
            paths[file] = path
            host.note("dirty", path, safe_size)
        end
        return file, message, code
    end

    function methods.write(file, ...)
        if paths[file] then
            host.step("write " .. paths[file])
        end
        return write(file, ...)
    end

    function methods.close(file)
        if paths[file] then
            host.step("close " .. paths[file])
            paths[file] = nil
        end
        return close(file)
    end

    function os.rename(from, to)
        host.step("rename " .. from)
        local is_done, message, code = files.rename(from, to)
        if is_done then
            host.note("moved", from, to)
        end
        return is_done, message, code
    end

    function os.remove(path)
        host.step("remove " .. path)
        local is_done, message, code = files.remove(path)
        if is_done then
            host.note("gone", path)
        end
        return is_done, message, code
    end
end

function files.sync(file)
    if paths[file] then
        host.step("fsync " .. paths[file])
    end
    file:flush()
    if paths[file] then
        host.note("safe", paths[file])
    end
end

if host.is_metered then
    install()
end

return files
