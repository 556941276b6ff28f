return { md5 = host.md5 }
