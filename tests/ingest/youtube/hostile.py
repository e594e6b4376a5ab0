"""Sixty links that would lead a careless reader elsewhere."""

ID = "dQw4w9WgXcQ"
LINKS = (
    # this machine and its neighbours
    f"http://127.0.0.1/watch?v={ID}", f"http://127.0.0.1:8501/watch?v={ID}", f"https://localhost/watch?v={ID}",
    f"http://[::1]/watch?v={ID}", f"http://[::ffff:127.0.0.1]/watch?v={ID}", f"http://0.0.0.0/watch?v={ID}",
    f"http://0/watch?v={ID}", f"http://127.1/watch?v={ID}", f"http://10.0.0.1/watch?v={ID}",
    f"http://192.168.1.1/watch?v={ID}", f"http://169.254.169.254/latest/meta-data/?v={ID}",
    f"http://169.254.169.254/watch?v={ID}", f"http://metadata.google.internal/watch?v={ID}",
    f"http://[fd00:ec2::254]/watch?v={ID}", f"http://printer.local/watch?v={ID}",
    # addresses as numbers
    f"http://2130706433/watch?v={ID}", f"http://0x7f000001/watch?v={ID}", f"http://017700000001/watch?v={ID}",
    f"http://0x7f.0.0.1/watch?v={ID}", f"http://2852039166/watch?v={ID}", f"http://0177.0.0.1/watch?v={ID}",
    # names that only look like it
    f"https://youtube.com.evil.example/watch?v={ID}", f"https://evil.example/youtube.com/watch?v={ID}",
    f"https://evilyoutube.com/watch?v={ID}", f"https://youtube.evil.example/watch?v={ID}",
    f"https://evil.example/?u=https://youtube.com/watch?v={ID}", f"https://evil.example#youtube.com/watch?v={ID}",
    f"https://youtu.be.evil.example/{ID}", f"https://youtube.co/watch?v={ID}", f"https://yutu.be/{ID}",
    f"https://127.0.0.1.nip.io/watch?v={ID}", f"https://www.youtube.com.127.0.0.1.nip.io/watch?v={ID}",
    # somebody before the host, and ports
    f"https://youtube.com@127.0.0.1/watch?v={ID}", f"https://www.youtube.com:443@evil.example/watch?v={ID}",
    f"https://me:secret@www.youtube.com/watch?v={ID}", f"https://youtube.com%40evil.example/watch?v={ID}",
    f"https://www.youtube.com:22/watch?v={ID}", f"https://www.youtube.com\\@evil.example/watch?v={ID}",
    # ways on
    "https://www.youtube.com/redirect?q=http://127.0.0.1/", f"https://www.youtube.com/redirect?q=x&v={ID}",
    "https://www.youtube.com/attribution_link?u=http://169.254.169.254/", "https://bit.ly/3abcdef",
    "https://www.youtube.com/oembed?url=http://127.0.0.1/",
    # other schemes
    "file:///etc/passwd", f"file://www.youtube.com/watch?v={ID}", f"ftp://www.youtube.com/watch?v={ID}",
    f"gopher://www.youtube.com/watch?v={ID}", f"javascript://www.youtube.com/watch?v={ID}%0aalert(1)",
    "data:text/html,youtube.com", "ytsearch:panic", f"//127.0.0.1/watch?v={ID}",
    # options and other languages
    "--exec=touch /tmp/x", "-o/etc/cron.d/x", "--config-locations=/tmp/x", "-a/etc/passwd",
    f"https://www.youtube.com/watch?v={ID}\n--exec=id", f"https://www.youtube.com/watch?v={ID}\r\nHost: evil",
    f"https://www.y\u043eutube.com/watch?v={ID}", f"https://www\u3002youtube.com/watch?v={ID}",
    f"https://www.youtube.com/watch?v={ID}\u202e", f"https://www.youtube.com/watch?v={ID};id",
    f"https://www.youtube.com/watch?v=$(id){ID[5:]}", f"https://youtu.be/../{ID}", "https://youtu.be/%2e%2e%2fetcpas",
    "", " ", ID, "http://", "https://www.youtube.com/watch?v=\x00\x00\x00",
)  # fmt: skip
