local WidgetContainer = {}

function WidgetContainer:extend(prototype)
    local class = prototype or {}
    setmetatable(class, self)
    self.__index = self
    return class
end

function WidgetContainer:new(instance)
    instance = self:extend(instance)
    if instance.init then
        instance:init()
    end
    return instance
end

function WidgetContainer:handleEvent(event)
    for _, child in ipairs(self) do
        if child:handleEvent(event) then
            return true
        end
    end
    if self[event.handler] then
        return self[event.handler](self, unpack(event.args, 1, event.args.n))
    end
end

function WidgetContainer:free() end

return WidgetContainer
