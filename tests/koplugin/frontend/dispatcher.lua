local Dispatcher = { actions = {} }

function Dispatcher:registerAction(name, value)
    self.actions[name] = self.actions[name] or value
    return true
end

return Dispatcher
