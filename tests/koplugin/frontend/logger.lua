local function logs(level)
    return function(...)
        local words = {}
        for index = 1, select("#", ...) do
            words[index] = tostring((select(index, ...)))
        end
        host.log(level .. " " .. table.concat(words, " "))
    end
end

return { dbg = logs("dbg"), info = logs("info"), warn = logs("warn"), err = logs("err") }
