local ffiUtil = {}

function ffiUtil.template(text, ...)
    local values = { ... }
    return (text:gsub("%%([1-9][0-9]?)", function(number)
        local value = values[tonumber(number)]
        return value ~= nil and tostring(value) or nil
    end))
end

function ffiUtil.fsyncOpenedFile(file)
    file:flush()
    host.log("fsync")
end

function ffiUtil.fsyncDirectory(_path)
    host.log("fsync of the folder")
end

return ffiUtil
