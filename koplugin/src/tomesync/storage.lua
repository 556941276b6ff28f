--- A text file that a crash leaves whole: the new one is complete on disk before it takes the old one's place.

local ffiUtil = require("ffi/util")
local lfs = require("libs/libkoreader-lfs")
local logger = require("logger")

local storage = {}

-- A full disk may be noticed only when what was written really goes out.
local function flushed_to_disk(path, text)
    local file, message = io.open(path, "wb")
    if not file then
        return nil, message
    end
    local is_done
    is_done, message = file:write(text)
    if is_done then
        is_done, message = file:flush()
    end
    if is_done then
        ffiUtil.fsyncOpenedFile(file)
    end
    local is_closed, close_message = file:close()
    if not is_done then
        return nil, message
    end
    return is_closed and true or nil, close_message
end

--- What `Outbox.open` takes.
function storage.at(path)
    return {
        read = function()
            local file, message = io.open(path, "rb")
            if not file then
                if lfs.attributes(path, "mode") then
                    -- What cannot be read now must not be written over.
                    logger.warn("tomesync: cannot read", path, message)
                    os.rename(path, path .. ".unreadable")
                end
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
