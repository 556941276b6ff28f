local UIManager = require("ui/uimanager")
local Window = require("window")

local function nothing() end

local MultiConfirmBox = Window:extend {
    kind = "MultiConfirmBox",
    text = "no text",
    choice1_text = "Choice 1",
    choice2_text = "Choice 2",
    cancel_text = "Cancel",
    choice1_callback = nothing,
    choice2_callback = nothing,
    cancel_callback = nothing,
}

function MultiConfirmBox:rows()
    local function button(name)
        return {
            text = self[name .. "_text"],
            enabled = self[name .. "_enabled"],
            callback = function()
                self[name .. "_callback"]()
                UIManager:close(self)
            end,
        }
    end
    return { { button("cancel"), button("choice1"), button("choice2") } }
end

function MultiConfirmBox:onClose()
    self.cancel_callback()
    UIManager:close(self)
    return true
end

return MultiConfirmBox
