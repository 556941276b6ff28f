local Event = {}
Event.__index = Event

function Event:new(name, ...)
    return setmetatable({ handler = "on" .. name, args = { n = select("#", ...), ... } }, Event)
end

return Event
