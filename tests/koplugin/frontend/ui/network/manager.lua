local NetworkMgr = { is_connected = host.is_online }

function NetworkMgr:isConnected()
    return self.is_connected
end

--- What the reader's answer to the prompt would be is not known here; the prompt is counted.
function NetworkMgr:runWhenConnected(callback)
    if self:isConnected() then
        callback()
    else
        host.log("wifi prompt")
    end
end

return NetworkMgr
