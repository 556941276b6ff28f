local ltn12 = { source = {}, sink = {} }

function ltn12.source.string(text)
    local is_read = false
    return function()
        if is_read then
            return nil
        end
        is_read = true
        return text
    end
end

function ltn12.sink.table(chunks)
    return function(chunk)
        if chunk then
            table.insert(chunks, chunk)
        end
        return 1
    end, chunks
end

return ltn12
