-- The radio. What turns it on is counted, and so is each time that the reader is asked to.

local NetworkMgr = { waiting = {} }

function NetworkMgr:isConnected()
    return host.is_connected()
end

function NetworkMgr:isWifiOn()
    return host.is_connected()
end

function NetworkMgr:getNetworkInterfaceName()
    return "eth0"
end

--- Turn it on as the reader's choice in KOReader says. Answers nothing; `callback` comes when there is a network.
function NetworkMgr:beforeWifiAction(callback)
    local policy = host.wifi_policy()
    table.insert(self.waiting, callback)
    if policy == "prompt" then
        host.count("wifi_asked")
        host.log("wifi prompt")
    elseif policy == "turn_on" then
        self:turnOnWifi()
    end
end

function NetworkMgr:turnOnWifi()
    host.count("wifi_woken")
    host.log("wifi on")
    require("ui/uimanager"):scheduleIn(2, function()
        require("koreader").connect()
    end)
end

NetworkMgr.enableWifi = NetworkMgr.turnOnWifi
NetworkMgr.reconnectOrShowNetworkMenu = NetworkMgr.turnOnWifi

function NetworkMgr:runWhenConnected(callback)
    if self:isConnected() then
        callback()
    else
        self:beforeWifiAction(callback)
    end
end

--- Answers whether `callback` will be called later, in which case the caller is to do nothing now.
function NetworkMgr:willRerunWhenConnected(callback)
    if self:isConnected() then
        return false
    end
    self:beforeWifiAction(callback)
    return true
end

function NetworkMgr:run_waiting()
    local waiting = self.waiting
    self.waiting = {}
    for _, callback in ipairs(waiting) do
        if callback then
            callback()
        end
    end
end

for _, name in ipairs({
    "isOnline",
    "runWhenOnline",
    "willRerunWhenOnline",
    "goOnlineToRun",
    "isHotspotOrOnline",
    "canResolveHostnames",
}) do
    NetworkMgr[name] = function()
        error(name .. " wants the internet, and a server in the next room needs none")
    end
end

return NetworkMgr
