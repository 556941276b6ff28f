--- A text file that a crash leaves whole: the new one is complete on disk before it takes the old one's place.

local ffiUtil = require("ffi/util")
local logger = require("logger")

local storage = {}

local function flushed_to_disk(path, text)
    local file, message = io.open(path, "wb")
    if not file then
        return nil, message
    end
    local did_write, write_message = file:write(text)
    if did_write then
        ffiUtil.fsyncOpenedFile(file)
    end
    file:close()
    return did_write and true or nil, write_message
end

--- What `Outbox.open` takes.
function storage.at(path)
    return {
        read = function()
            local file = io.open(path, "rb")
            if not file then
                return nil
            end
            local text = file:read("*a")
            file:close()
            return text
        end,
        write = function(text)
            local did_write, message = flushed_to_disk(path .. ".new", text)
            if did_write then
                did_write, message = os.rename(path .. ".new", path)
            end
            if not did_write then
                logger.warn("tomesync: cannot write", path, message)
                return nil, message
            end
            ffiUtil.fsyncDirectory(path)
            return true
        end,
        keep_aside = function(text)
            logger.warn("tomesync: damaged lines in", path)
            flushed_to_disk(path .. ".damaged", text)
        end,
    }
end

return storage
