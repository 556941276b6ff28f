local Device = { model = host.model }

function Device:hasWifiToggle()
    return true
end

return Device
