local Window = require("window")

local TextViewer = Window:extend { kind = "TextViewer", title = "", text = "" }

function TextViewer:rows()
    local rows = {}
    for index, row in ipairs(self.buttons_table or {}) do
        rows[index] = row
    end
    if not self.buttons_table or self.add_default_buttons then
        table.insert(rows, {
            {
                text = "Close",
                callback = function()
                    self:onClose()
                end,
            },
        })
    end
    return rows
end

function TextViewer:onCloseWidget()
    if self.close_callback then
        self.close_callback()
    end
end

return TextViewer
