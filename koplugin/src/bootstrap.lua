--- The last lines of main.lua: they load the modules above. An update that fails at it gives way to the version before.
--
-- A syntax error ends main.lua before any of this could run, so the updater compiles what it installs.

local logger = require("logger")

local path = debug.getinfo(1, "S").source:sub(2)
local folder = path:match("^(.*)/[^/]*$") or "."
local main, previous, broken = folder .. "/main.lua", folder .. "/main.lua.old", folder .. "/main.lua.broken"
-- The updater leaves the first; it becomes the second when the new version starts, and goes with the first good `init`.
local updated, starting = folder .. "/main.lua.updated", folder .. "/main.lua.starting"

package.loaded["tomesync/folder"] = nil
package.preload["tomesync/folder"] = function()
    return folder
end

local function exists(file_path)
    local file = io.open(file_path, "rb")
    return file ~= nil and file:close()
end

local function has_version_before()
    return path ~= previous and exists(previous)
end

--- For whoever wants to know why. A copy, since the plugin is gone if the power is when there is no main.lua.
local function keep_for_inspection()
    local source = io.open(main, "rb")
    local copy = source and io.open(broken, "wb")
    if copy then
        copy:write(source:read("*a"))
        copy:close()
    end
    if source then
        source:close()
    end
end

local function version_before(reason)
    logger.warn("tomesync: this version fails, so the one before it is put back:", tostring(reason))
    keep_for_inspection()
    os.rename(folder .. "/_meta.lua.old", folder .. "/_meta.lua")
    local did_rename = os.rename(previous, main)
    os.remove(updated)
    os.remove(starting)
    -- Where nothing can be written the one before is used from where it lies.
    return dofile(did_rename and main or previous)
end

local function without_mark(class)
    local init = class.init
    class.init = function(...)
        init(...)
        os.remove(starting)
        class.init = init
    end
    return class
end

if exists(starting) and has_version_before() then
    return version_before("it was started and never came to work")
end
os.remove(starting)
local is_first_start = exists(updated) and os.rename(updated, starting)
local did_load, class = pcall(require, "tomesync/main")
if not did_load then
    if has_version_before() then
        return version_before(class)
    end
    -- KOReader logs it and goes on without the plugin.
    error(class, 0)
end
return is_first_start and without_mark(class) or class
