local DataStorage = {}

function DataStorage:getDataDir()
    return host.data_dir
end

function DataStorage:getSettingsDir()
    return host.data_dir .. "/settings"
end

function DataStorage:getFullDataDir()
    return host.data_dir
end

return DataStorage
