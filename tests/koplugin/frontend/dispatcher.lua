local Event = require("ui/event")
local UIManager = require("ui/uimanager")

local Dispatcher = { actions = {} }

function Dispatcher:registerAction(name, value)
    self.actions[name] = self.actions[name] or value
    return true
end

function Dispatcher:removeAction(name)
    self.actions[name] = nil
    return true
end

--- The gesture that the reader has given to that action.
function Dispatcher:gesture(name)
    local action = assert(self.actions[name], "there is no such action")
    assert(action.category == "none", "only plain actions stand in here")
    local is_reading = UIManager.ui.document ~= nil
    assert(action.general or action[is_reading and "reader" or "filemanager"], "this action is not for here")
    UIManager:sendEvent(Event:new(action.event, action.arg))
end

return Dispatcher
