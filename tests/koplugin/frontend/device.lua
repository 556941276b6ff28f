local Device = {
    model = host.model,
    home_dir = host.data_dir .. "/onboard",
    screen = {},
}

local function is(answer)
    return function()
        return answer
    end
end

for _, name in ipairs({
    "isAndroid",
    "isCervantes",
    "isDesktop",
    "isEmulator",
    "isKindle",
    "isPocketBook",
    "isRemarkable",
    "isSDL",
    "isSonyPRSTUX",
    "hasKeyboard",
    "hasKeys",
    "hasDPad",
    "canStandby",
    "hasSeamlessWifiToggle",
    "hasColorScreen",
    "canOpenLink",
}) do
    Device[name] = is(false)
end
for _, name in ipairs({
    "isKobo",
    "isTouchDevice",
    "hasWifiToggle",
    "hasWifiManager",
    "hasWifiRestore",
    "canRestart",
    "canSuspend",
    "hasEinkScreen",
    "hasNaturalLight",
    "hasFrontlight",
    "canToggleMassStorage",
    "hasOTAUpdates",
}) do
    Device[name] = is(true)
end

function Device:isValidPath(_path)
    return true
end

function Device.screen:getWidth()
    return 1072
end

function Device.screen:getHeight()
    return 1448
end

function Device.screen:scaleBySize(size)
    return size
end

return Device
