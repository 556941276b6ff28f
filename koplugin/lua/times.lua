--- Moments as the server takes them. Seconds since 1970 go in, text comes out.

local times = {}

--- UTC, ISO 8601.
function times.iso(seconds)
    return os.date("!%Y-%m-%dT%H:%M:%SZ", seconds)
end

--- The device's distance from UTC at that moment, like "+02:00".
function times.offset(seconds)
    local utc = os.date("!*t", seconds)
    -- os.time() takes the table for local time; without this it would guess at daylight saving.
    utc.isdst = os.date("*t", seconds).isdst
    local minutes = math.floor((seconds - os.time(utc)) / 60 + 0.5)
    local sign = minutes < 0 and "-" or "+"
    minutes = math.abs(minutes)
    return string.format("%s%02d:%02d", sign, math.floor(minutes / 60), minutes % 60)
end

--- A server's time in the device's own zone, to show; nil if it is not one.
function times.to_show(iso)
    local year, month, day, hour, minute, second =
        tostring(iso):match("^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)")
    if not year then
        return nil
    end
    local as_if_local = os.time({
        year = tonumber(year), month = tonumber(month), day = tonumber(day),
        hour = tonumber(hour), min = tonumber(minute), sec = tonumber(second), isdst = false,
    })
    if not as_if_local then
        return nil
    end
    local utc = os.date("!*t", as_if_local)
    utc.isdst = false
    return os.date("%Y-%m-%d %H:%M", as_if_local + (as_if_local - os.time(utc)))
end

return times
