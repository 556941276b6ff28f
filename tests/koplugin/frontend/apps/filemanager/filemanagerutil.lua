local filemanagerutil = {}

function filemanagerutil.getDefaultDir()
    return require("device").home_dir
end

return filemanagerutil
