local Math = {}

function Math.round(number)
    return math.floor(number + 0.5)
end

function Math.clamp(value, least, most)
    return math.max(least, math.min(most, value))
end

function Math.roundPercent(percent)
    return math.floor(percent * 10000 + 0.5) / 10000
end

return Math
