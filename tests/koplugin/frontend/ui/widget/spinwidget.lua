local UIManager = require("ui/uimanager")
local Window = require("window")

local SpinWidget = Window:extend {
    kind = "SpinWidget",
    title_text = "",
    ok_text = "Apply",
    cancel_text = "Close",
    value = 1,
    value_min = 0,
    value_max = 20,
}

function SpinWidget:init()
    self.title = self.title_text
    self.text = self.info_text
    self.original_value = self.value
end

function SpinWidget:type(text)
    self.value = math.max(self.value_min, math.min(self.value_max, assert(tonumber(text))))
end

function SpinWidget:texts_of_inputs()
    return { tostring(self.value) }
end

function SpinWidget:rows()
    local rows = {}
    if self.default_value then
        local text = self.default_text or "Default value: " .. self.default_value
        table.insert(rows, {
            {
                text = text,
                callback = function()
                    self.value = self.default_value
                end,
            },
        })
    end
    if self.extra_text then
        table.insert(rows, {
            {
                text = self.extra_text,
                callback = function()
                    self.extra_callback(self)
                    if not self.keep_shown_on_apply then
                        self:onClose()
                    end
                end,
            },
        })
    end
    table.insert(rows, {
        {
            text = self.cancel_text,
            callback = function()
                if self.cancel_callback then
                    self.cancel_callback()
                end
                self:onClose()
            end,
        },
        {
            text = self.ok_text,
            -- There is nothing to apply before something was changed.
            enabled_func = function()
                return self.ok_always_enabled or self.value ~= self.original_value
            end,
            callback = function()
                if self.callback then
                    self.callback(self)
                end
                if not self.keep_shown_on_apply then
                    self:onClose()
                end
            end,
        },
    })
    return rows
end

function SpinWidget:onClose()
    UIManager:close(self)
    if self.close_callback then
        self.close_callback()
    end
    return true
end

return SpinWidget
