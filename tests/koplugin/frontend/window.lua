--- What all windows have in common. A row of buttons is a list of { text, callback, enabled or enabled_func }.

local UIManager = require("ui/uimanager")
local WidgetContainer = require("ui/widget/container/widgetcontainer")

local Window = WidgetContainer:extend { kind = "Window" }

function Window:rows()
    return self.buttons or {}
end

function Window:can_press(button)
    if button.enabled_func then
        return button.enabled_func()
    end
    return button.enabled ~= false
end

function Window:flat_buttons()
    local buttons = {}
    for _, row in ipairs(self:rows()) do
        for _, button in ipairs(row) do
            table.insert(buttons, button)
        end
    end
    return buttons
end

--- The lines of a list that can be chosen, as { text, item }.
function Window:lines()
    return {}
end

function Window:texts_of_inputs()
    return {}
end

function Window:onClose()
    UIManager:close(self)
    return true
end

--- A tap beside it.
function Window:tap_outside()
    self:onClose()
end

function Window:reinit() end

function Window:setTitle(title)
    self.title = title
    if UIManager:isWidgetShown(self) then
        host.show(self.kind, title)
    end
end

return Window
