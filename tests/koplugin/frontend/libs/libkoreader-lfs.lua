local lfs = {}

function lfs.attributes(path, name)
    return host.file_attribute(path, name)
end

return lfs
