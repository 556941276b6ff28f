local UIManager = require("ui/uimanager")
local Window = require("window")

local function nothing() end

local ConfirmBox = Window:extend {
    kind = "ConfirmBox",
    text = "no text",
    ok_text = "OK",
    cancel_text = "Cancel",
    ok_callback = nothing,
    cancel_callback = nothing,
    dismissable = true,
}

-- As in KOReader, it is still there while the callback runs.
function ConfirmBox:_then_close(callback)
    return function()
        if callback then
            callback()
        end
        if not self.keep_dialog_open then
            UIManager:close(self)
        end
    end
end

function ConfirmBox:rows()
    local cancel = {
        text = self.cancel_text,
        callback = function()
            self.cancel_callback()
            UIManager:close(self)
        end,
    }
    local ok = { text = self.ok_text, callback = self:_then_close(function()
        self.ok_callback()
    end) }
    local rows = { self.no_ok_button and { cancel } or { cancel, ok } }
    for index, given in ipairs(self.other_buttons or {}) do
        local row = {}
        for _, button in ipairs(given) do
            table.insert(row, { text = button.text, callback = self:_then_close(button.callback) })
        end
        table.insert(rows, (self.other_buttons_first and 0 or 1) + index, row)
    end
    return rows
end

function ConfirmBox:onClose()
    self.cancel_callback()
    UIManager:close(self)
    return true
end

function ConfirmBox:tap_outside()
    assert(self.dismissable, "this question wants an answer")
    self:onClose()
end

return ConfirmBox
