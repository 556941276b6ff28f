local UIManager = require("ui/uimanager")
local Window = require("window")

local InputDialog = Window:extend { kind = "InputDialog", title = "", input = "", has_keyboard = false }

function InputDialog:getInputText()
    return tostring(self.input)
end

function InputDialog:getInputValue()
    if self.input_type == "number" then
        return tonumber(self.input)
    end
    return self:getInputText()
end

function InputDialog:setInputText(text)
    self.input = text
end

function InputDialog:addTextToInput(text)
    self.input = self.input .. text
end

function InputDialog:onShowKeyboard()
    self.has_keyboard = true
    return true
end

function InputDialog:onCloseKeyboard()
    self.has_keyboard = false
    return true
end

function InputDialog:texts_of_inputs()
    return { self:getInputText() }
end

function InputDialog:type(text)
    self.input = text
end

--- Back: its own button for that, if it has one.
function InputDialog:onCloseDialog()
    for _, button in ipairs(self:flat_buttons()) do
        if button.id == "close" and self:can_press(button) then
            button.callback()
            return true
        end
    end
    UIManager:close(self)
    return true
end

function InputDialog:tap_outside()
    self:onCloseDialog()
end

return InputDialog
