local UIManager = require("ui/uimanager")
local Window = require("window")

local KeyValuePage = Window:extend { kind = "KeyValuePage", title = "" }

function KeyValuePage:lines()
    local lines = {}
    for _, pair in ipairs(self.kv_pairs or {}) do
        if type(pair) == "table" then
            table.insert(lines, { text = tostring(pair[1]) .. ": " .. tostring(pair[2]), item = pair })
        end
    end
    return lines
end

function KeyValuePage:onMenuSelect(pair)
    if pair.callback then
        pair.callback(self, pair)
    end
end

function KeyValuePage:onMenuHold(pair)
    if pair.hold_callback then
        pair.hold_callback(self, pair)
    end
end

function KeyValuePage:onClose()
    UIManager:close(self)
    if self.close_callback then
        self.close_callback()
    end
    return true
end

return KeyValuePage
