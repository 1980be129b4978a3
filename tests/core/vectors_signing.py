"""Published test vectors of HMAC and of the exchanges' documentation, and ones computed with the standard library."""

from __future__ import annotations

# RFC 4231 section 4: key, data, HMAC-SHA-256, HMAC-SHA-512. Case 5 is cut to 128 bits there.
RFC_4231 = {
    "1": (
        b"\x0b" * 20,
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
        "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
    ),
    "2": (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
        "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
    ),
    "3": (
        b"\xaa" * 20,
        b"\xdd" * 50,
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
        "bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
    ),
    "4": (
        bytes(range(1, 26)),
        b"\xcd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db"
        "a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd",
    ),
    "5": (
        b"\x0c" * 20,
        b"Test With Truncation",
        "a3b6167473100ee06e0c796c2955552b",
        "415fad6271580a531d4179bc891d87a6",
    ),
    "6": (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
        "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
    ),
    "7": (
        b"\xaa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be "
        b"hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944"
        "b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
    ),
}


# The sample keys of MEXC's and Binance's documentation; "mexc" vectors D and V, "binance" vectors D and V.
SECRETS = {
    "mexc": b"45d0b3c26f2644f19bfb98b07741b2f5",
    "binance": b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
}
BATCH = (
    '[{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","quantity":"0.0002","price":"40000","newClientOrderId":"a-1"},'
    '{"symbol":"BTCUSDT","side":"SELL","type":"LIMIT_MAKER","quantity":"0.0003","price":"90000"}]'
)
LIMIT = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=11"
LTC_PAIRS = [
    ("symbol", "LTCBTC"),
    ("side", "BUY"),
    ("type", "LIMIT"),
    ("timeInForce", "GTC"),
    ("quantity", "1"),
    ("price", "0.1"),
]

# Name: (exchange, parameters or ready query, window, stamp, signature).
QUERY_VECTORS: dict[str, tuple[str, str | list[tuple[str, str]], int | None, int, str]] = {
    "mexc D2": (
        "mexc",
        LIMIT,
        5000,
        1644489390087,
        "fd3e4e8543c5188531eb7279d68ae7d26a573d0fc5ab0d18eb692451654d837a",
    ),
    "mexc D3, half in the body": (
        "mexc",
        "symbol=BTCUSDT&side=BUY&type=LIMITquantity=1&price=11",
        5000,
        1644489390087,
        "d1a676610ceb39174c8039b3f548357994b2a34139a8addd33baadba65684592",
    ),
    "mexc V1": ("mexc", "", None, 1644489390087, "09b4b5a40aeec864d2caa60f2e6a740b61dc423d76c5615c00fd72681f52a094"),
    "mexc V2": (
        "mexc",
        "symbol=MXUSDT&side=BUY&type=LIMIT&quantity=50&price=0.1&newClientOrderId=k1_00Zx-9",
        2000,
        1758043350233,
        "889ff395b0606f2ff84edaa8b1492db29adfbf243e6b5274415678601c7240d6",
    ),
    "mexc V3, comma": (
        "mexc",
        [("symbol", "BTCUSDT,MXUSDT")],
        5000,
        1644489390087,
        "4e65c8c510185ec443988aae78fbed02d255536ab80a62b6294cd97163d98de6",
    ),
    "mexc V4, JSON": (
        "mexc",
        [("batchOrders", BATCH)],
        5000,
        1644489390087,
        "7578bcbf574771a6f8a74bd0b0a7ef7c63205ce4d6bb6210ba4de604d1d38dcc",
    ),
    "mexc V5, not ASCII": (
        "mexc",
        [
            ("coin", "XRP"),
            ("netWork", "XRP"),
            ("address", "rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh"),
            ("memo", "1234:ab/c"),
            ("amount", "10.5"),
            ("remark", "café + 50% β"),
        ],
        5000,
        1644489390087,
        "299301c2bc88a9618c87da171c82e82147ef7902c306742e5a01a770574dc8a1",
    ),
    "binance D1": (
        "binance",
        LTC_PAIRS,
        5000,
        1499827319559,
        "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
    ),
    "binance D2, full-width digits": (
        "binance",
        [("symbol", "\uff11\uff12\uff13\uff14\uff15\uff16"), *LTC_PAIRS[1:]],
        5000,
        1499827319559,
        "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
    ),
    "binance D3, half in the body": (
        "binance",
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTCquantity=1&price=0.1",
        5000,
        1499827319559,
        "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77",
    ),
    "binance V1": (
        "binance",
        "",
        None,
        1499827319559,
        "2222d49722f6af5da13f6da6bfc0d7de19ca2815ebc98bbc49e4942268472f3f",
    ),
    "binance V3, plus and at": (
        "binance",
        [
            ("fromEmail", "desk+mm1@example.com"),
            ("toEmail", "vault@example.com"),
            ("fromAccountType", "SPOT"),
            ("toAccountType", "SPOT"),
            ("asset", "USDT"),
            ("amount", "10.5"),
            ("clientTranId", "t-0001"),
        ],
        5000,
        1767225600123,
        "5dc5d61b87613ed699e0a2448d21a62c32e5ca004611c2e2ebb7e66cb7e6e709",
    ),
    "binance V4, every kind of character": (
        "binance",
        [
            ("coin", "XRP"),
            ("network", "XRP"),
            ("address", "rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh"),
            ("addressTag", "1234:ab/c"),
            ("amount", "25"),
            ("withdrawOrderId", "wd-2026_01.A"),
            ("name", "Zoë's cold + 50% ~*(β)"),
            ("walletType", "0"),
        ],
        5000,
        1767225600123,
        "14b5b9754b1d2839a5f167a99d93379b606bc4f803ba896704d48899c44d27d6",
    ),
    "binance V5, Unicode symbol": (
        "binance",
        [("symbol", "这是测试币456"), ("side", "SELL"), ("type", "MARKET"), ("quoteOrderQty", "12.5")],
        None,
        1767225600123,
        "d1bd1fb9c5ee0209b9628ca1076090dc6e95cdc7c1da03cbbe83dec91b4ae57a",
    ),
}


# Signatures that a wrong reading of the documentation makes; the first is printed in MEXC's documentation itself.
TAIL = "&recvWindow=5000&timestamp=1644489390087"
WRONG = {
    "mexc D1, misprinted": (
        "mexc D2",
        f"{LIMIT}{TAIL}",
        "323c96ab85a745712e95e63cad28903dd8292e4a905e99c4ee3932023843a117",
        False,
    ),
    "comma left raw": (
        "mexc V3, comma",
        f"symbol=BTCUSDT,MXUSDT{TAIL}",
        "748715b3bed6521444aeb1a0f48327ef315df8b6b578e46480d39dc71fb1cdfe",
        True,
    ),
    "JSON left raw": (
        "mexc V4, JSON",
        f"batchOrders={BATCH}{TAIL}",
        "a2dae7510b51ad202933a176fb56c51c1eb72f8a7af0a6f78dfb19875a4ce809",
        True,
    ),
    "plus for a blank": (
        "mexc V5, not ASCII",
        "coin=XRP&netWork=XRP&address=rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh&memo=1234%3Aab%2Fc&amount=10.5"
        f"&remark=caf%C3%A9+%2B+50%25+%CE%B2{TAIL}",
        "650e2b2e0b0182f36e0b855a39743a5d55e983ab48b19b7aa2b49f756cca1488",
        True,
    ),
    "lowercase hexadecimal": (
        "mexc V5, not ASCII",
        "coin=XRP&netWork=XRP&address=rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh&memo=1234%3aab%2fc&amount=10.5"
        f"&remark=caf%c3%a9%20%2b%2050%25%20%ce%b2{TAIL}",
        "9f9d6cb284ba4e2164a520b891e98fecb37d723fcd15cc6e18d66c1ebc01f460",
        True,
    ),
    "slash left raw": (
        "mexc V5, not ASCII",
        "coin=XRP&netWork=XRP&address=rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh&memo=1234%3Aab/c&amount=10.5"
        f"&remark=caf%C3%A9%20%2B%2050%25%20%CE%B2{TAIL}",
        "d82534c54f21b8cfbf429009d696719b4a2103e3a880d789d552bf26ab22e398",
        True,
    ),
}


GATE_SECRET = b"secret"
GATE_ORDER = (
    b'{"text":"t-abc-1.0_Z","currency_pair":"BTC_USDT","type":"limit","account":"spot","side":"buy","amount":"0.001",'
    b'"price":"65000","time_in_force":"poc"}'
)
# Name: (method, path, query as signed, body, stamp, signature). Gate's API v4, lines joined by a line feed.
HEADER_VECTORS = {
    "V1": (
        ("GET", "/api/v4/futures/orders", "contract=BTC_USD&status=finished&limit=50", b"", "1541993715"),
        "55f84ea195d6fe57ce62464daaa7c3c02fa9d1dde954e4c898289c9a2407a3d6"
        "fb3faf24deff16790d726b66ac9f74526668b13bd01029199cc4fcc522418b8a",
    ),
    "V2": (
        (
            "POST",
            "/api/v4/futures/orders",
            "",
            b'{"contract":"BTC_USD","type":"limit","size":100,"price":6800,"time_in_force":"gtc"}',
            "1541993715",
        ),
        "eae42da914a590ddf727473aff25fc87d50b64783941061f47a3fdb92742541f"
        "c4c2c14017581b4199a1418d54471c269c03a38d788d802e2c306c37636389f0",
    ),
    "V3": (
        (
            "GET",
            "/api/v4/wallet/sub_account_transfers",
            "sub_uid=10001,10002&from=1700000000&to=1700086400",
            b"",
            "1700000000",
        ),
        "2a68ebb10a84da97e48cceb3392cf1f5a27a5e66f41da0fe3417352f76f97ed8"
        "5b08df743417c9d6a51fa826f02ce992785ef0ae9fc0e8a897d0c314a332a230",
    ),
    "V3 wrong: encoded comma signed": (
        (
            "GET",
            "/api/v4/wallet/sub_account_transfers",
            "sub_uid=10001%2C10002&from=1700000000&to=1700086400",
            b"",
            "1700000000",
        ),
        "91645ddc2e2607ae9a23a8f6506e388a5328e9731f99180120d5c21c781e300d"
        "51ae8b422ac99b24ac1bcd799e50030b20d83bca4821d63a54692ff4e82f4250",
    ),
    "V4": (
        ("GET", "/api/v4/spot/account_book", "currency_pair=BTC_USDT&type=a b+c,d/e", b"", "1700000000.25"),
        "ce17b892f45ed42cecadb84c2064f08be63d041ba7b861813c43d4a5762d7ddc"
        "0723f1c45500d1d76bc6ddcc4ba7b5cd389cc3307a4a1af0323bc713b26b1d25",
    ),
    "V5": (
        ("POST", "/api/v4/spot/orders", "", GATE_ORDER, "1700000000"),
        "e34d48b2c4f99e2c40e43a3db4aac7c084e5cd456a98d31a625a6d4ac963ce4e"
        "1ea2436b866933bb7947f99a8352665f8eb4247606db0cb620802c29d2be6c9d",
    ),
    "V6": (
        (
            "PATCH",
            "/api/v4/spot/orders/t-abc-1.0_Z",
            "currency_pair=BTC_USDT&account=spot",
            b'{"amount":"0.002","price":"64000.1"}',
            "1700000000",
        ),
        "b5e57efb15639dab5456df07fbfd860003efec813f3073f439d413ad9beebbff"
        "6e15180949405b8bda00a907e5c32ea39ea7e1260c860e5e5741411203bd1d65",
    ),
    "V7": (
        ("DELETE", "/api/v4/spot/orders/12332324", "currency_pair=BTC_USDT", b"", "1700000000"),
        "ec17c580a959d781ed252b0660a20e5c10a8a63c7553fa1b6c94593c2c769631"
        "daa6226dab6b790f476d0bbbba4ef575776709c5ed0350f38fccf37cbe1a612d",
    ),
}
