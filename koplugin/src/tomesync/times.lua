--- Moments as the server takes them. Seconds since 1970 go in, text comes out.

local times = {}

--- UTC, ISO 8601.
function times.iso(seconds)
    return os.date("!%Y-%m-%dT%H:%M:%SZ", seconds)
end

-- Days from 1970 to the first of March of a year, by which leap days come last.
local function days_to_march(year)
    return 365 * year + math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400) - 719468
end

local function seconds_of(year, month, day, hour, minute, second)
    if month < 3 then
        year, month = year - 1, month + 12
    end
    local days = days_to_march(year) + math.floor((153 * (month - 3) + 2) / 5) + day - 1
    return ((days * 24 + hour) * 60 + minute) * 60 + second
end

--- The device's distance from UTC at that moment, like "+02:00".
function times.offset(seconds)
    seconds = math.floor(seconds)
    -- Not by os.time(), which guesses in the hour that comes twice and where a zone has changed its mind.
    local here = os.date("*t", seconds)
    local distance = seconds_of(here.year, here.month, here.day, here.hour, here.min, here.sec) - seconds
    local minutes = math.floor(math.abs(distance) / 60 + 0.5)
    return string.format("%s%02d:%02d", distance < 0 and "-" or "+", math.floor(minutes / 60), minutes % 60)
end

local MONTHS = {}
for number, name in ipairs({ "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }) do
    MONTHS[name] = number
end

--- Seconds of an answer's Date header ("Sun, 22 Nov 2026 21:04:00 GMT"); nil if it is not one.
function times.http_seconds(date)
    local day, month, year, clock = tostring(date):match("^%a+, (%d%d) (%a+) (%d%d%d%d) (%d%d:%d%d:%d%d) GMT$")
    if not day or not MONTHS[month] then
        return nil
    end
    return times.seconds(string.format("%s-%02d-%sT%sZ", year, MONTHS[month], day, clock))
end

--- Seconds of a server's time ("2026-11-22T21:04:00Z", with or without fractions); nil if it is not one.
function times.seconds(iso)
    local year, month, day, hour, minute, second =
        tostring(iso):match("^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)%.?%d*Z$")
    if not year then
        return nil
    end
    month, day = tonumber(month), tonumber(day)
    hour, minute, second = tonumber(hour), tonumber(minute), tonumber(second)
    if month < 1 or month > 12 or day < 1 or day > 31 or hour > 23 or minute > 59 or second > 60 then
        return nil
    end
    return seconds_of(tonumber(year), month, day, hour, minute, second)
end

--- A server's time in the device's own zone, to show; nil if it is not one.
function times.to_show(iso)
    local seconds = times.seconds(iso)
    return seconds and os.date("%Y-%m-%d %H:%M", seconds) or nil
end

return times
