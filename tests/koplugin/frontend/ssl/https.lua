local http = require("socket.http")

return { TIMEOUT = 60, request = http.request }
