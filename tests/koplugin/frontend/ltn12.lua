local ltn12 = { source = {}, sink = {}, filter = {}, pump = {}, BLOCKSIZE = 2048 }

function ltn12.source.string(text)
    local is_read = false
    return function()
        if is_read or text == "" then
            return nil
        end
        is_read = true
        return text
    end
end

function ltn12.source.file(handle, message)
    if not handle then
        return function()
            return nil, message or "unable to open file"
        end
    end
    return function()
        local chunk = handle:read(ltn12.BLOCKSIZE)
        if not chunk then
            handle:close()
        end
        return chunk
    end
end

function ltn12.sink.table(chunks)
    chunks = chunks or {}
    return function(chunk)
        if chunk then
            table.insert(chunks, chunk)
        end
        return 1
    end,
        chunks
end

function ltn12.sink.null()
    return function()
        return 1
    end
end

--- It closes the file, at the end and after an error alike.
function ltn12.sink.file(handle, message)
    if not handle then
        return function()
            return nil, message or "unable to open file"
        end
    end
    return function(chunk)
        if not chunk then
            handle:close()
            return 1
        end
        return handle:write(chunk)
    end
end

function ltn12.sink.chain(filter, sink)
    return function(chunk, message)
        if chunk ~= "" then
            local filtered = filter(chunk, message)
            return sink(filtered, message)
        end
        return 1
    end
end

function ltn12.pump.step(source, sink)
    local chunk, source_message = source()
    local did_take, sink_message = sink(chunk, source_message)
    if chunk and did_take then
        return 1
    end
    return nil, source_message or sink_message
end

function ltn12.pump.all(source, sink, step)
    step = step or ltn12.pump.step
    while true do
        local goes_on, message = step(source, sink)
        if not goes_on then
            if message then
                return nil, message
            end
            return 1
        end
    end
end

return ltn12
