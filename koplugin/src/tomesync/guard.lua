--- An error in a scheduled function or in a menu's callback ends KOReader, and with it somebody's reading.

local logger = require("logger")

--- The same function, but an error is only logged, and the answer is then nil.
return function(callback)
    return function(...)
        local results = { pcall(callback, ...) }
        if results[1] then
            return unpack(results, 2)
        end
        logger.warn("tomesync:", results[2])
        return nil
    end
end
