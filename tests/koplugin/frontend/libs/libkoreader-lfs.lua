local lfs = {}

--- A table of attributes, or the one that is named; nil and a message for what is not there.
function lfs.attributes(path, name)
    local attributes = host.attributes(path)
    if not attributes then
        return nil, "cannot obtain information from file '" .. path .. "': No such file or directory"
    end
    if type(name) == "string" then
        return attributes[name]
    end
    return attributes
end

lfs.symlinkattributes = lfs.attributes

--- As the real one, it raises for what is no folder.
function lfs.dir(path)
    local names, index = host.list_dir(path), 0
    return function()
        index = index + 1
        return names[index]
    end
end

function lfs.mkdir(path)
    if host.is_metered then
        host.step("folder " .. path)
    end
    return host.make_dir(path)
end

function lfs.rmdir(path)
    return host.remove_dir(path)
end

function lfs.currentdir()
    return host.current_dir()
end

function lfs.touch(path)
    host.touch(path)
    return true
end

return lfs
