-- Times are whole numbers of microseconds; the clock stands still during sleep.

local time = { huge = math.huge }

function time.s(seconds)
    return math.floor(seconds * 1e6)
end

function time.ms(milliseconds)
    return math.floor(milliseconds * 1e3)
end

function time.us(microseconds)
    return math.floor(microseconds)
end

function time.to_s(moment)
    return moment / 1e6
end

function time.to_ms(moment)
    return math.floor(moment / 1e3 + 0.5)
end

function time.to_us(moment)
    return math.floor(moment + 0.5)
end

function time.to_number(moment)
    return math.floor(time.to_s(moment) * 10000 + 0.5) / 10000
end

function time.now()
    return math.floor(host.monotonic() * 1e6 + 0.5)
end

time.monotonic, time.monotonic_coarse = time.now, time.now

function time.realtime()
    return math.floor(host.now() * 1e6)
end

time.realtime_coarse = time.realtime

function time.boottime()
    return math.floor(host.boot() * 1e6 + 0.5)
end

time.boottime_or_monotonic, time.boottime_or_realtime_coarse = time.boottime, time.boottime
time.boottime_or_monotonic_coarse, time.boottime_or_realtime = time.boottime, time.boottime

function time.since(moment)
    return time.now() - moment
end

function time.format_time(moment)
    return string.format("%.06f", moment / 1e6)
end

return time
