namespace Rx.IotLink.Nano
{
    /// <summary>
    /// Handles a line of the server. Called by a thread for the application's handlers, one line at a time; the line is
    /// acknowledged when it returns. One that ends with <see cref="System.OutOfMemoryException"/> gets its line again,
    /// for a minute.
    /// </summary>
    public delegate void LineHandler(string line);

    /// <summary>
    /// Handles a change of state. If several changes come before it returns, only the last one is reported.
    /// </summary>
    public delegate void StatusHandler(LinkStatus status, string why);

    /// <summary>
    /// Handles a notice, which is not a change of state. While it is busy, the last four notices wait.
    /// </summary>
    public delegate void NoticeHandler(string text);

    /// <summary>What a client does when its very first connection fails.</summary>
    public enum FirstConnection
    {
        /// <summary>Try again without end, as after any outage.</summary>
        KeepTrying = 0,

        /// <summary>
        /// The link is <see cref="LinkStatus.Refused"/> for good. A wrong address then shows at once, as in
        /// micropython-iot.
        /// </summary>
        Fail = 1,
    }

    /// <summary>
    /// How a client connects to its server, and what it does when it cannot. Read once, by
    /// <see cref="IotLinkNanoClient.Start"/>.
    /// </summary>
    public sealed class NanoClientOptions
    {
        /// <summary>The server's name or IPv4 address. Not needed with a <see cref="Transport"/>.</summary>
        public string Host;

        /// <summary>The server's port. Default 8123.</summary>
        public int Port = 8123;

        /// <summary>
        /// This device's name, unique among the server's devices: 1 to 128 bytes of UTF-8, no control characters.
        /// </summary>
        public string Id;

        /// <summary>
        /// This device's key, at least 16 bytes, that only this device and the server know. Default null: an open link.
        /// </summary>
        public byte[] Key;

        /// <summary>
        /// Milliseconds of silence that count as an outage, until the server has sent its own timeout. Default 2000;
        /// 100 to 3,600,000.
        /// </summary>
        public int TimeoutMs = 2000;

        /// <summary>
        /// The longest line, in bytes of UTF-8, that is received or written. Default 512; 1 to 16,384.
        /// </summary>
        public int MaxLineBytes = 512;

        /// <summary>The most lines that wait to be sent or accepted. Default 32; 1 to 4,096.</summary>
        public int OutboxLines = 32;

        /// <summary>The most bytes of these lines. Default 1536; <see cref="MaxLineBytes"/> to 65,536.</summary>
        public int OutboxBytes = 1536;

        /// <summary>
        /// The most lines of the server that wait for the application. Default 8; 1 to 255.
        /// </summary>
        public int InboxLines = 8;

        /// <summary>
        /// The most bytes of these lines. The server gets a window of as many lines of <see cref="MaxLineBytes"/> as
        /// fit, less one where several do, so that best-effort lines find room too; at most <see cref="InboxLines"/>.
        /// Default 2048, a window of 3; <see cref="MaxLineBytes"/> to 65,536.
        /// </summary>
        public int InboxBytes = 2048;

        /// <summary>
        /// The most best-effort lines that wait to be sent; the oldest are dropped. Default 4; 1 to 256.
        /// </summary>
        public int BestEffortLines = 4;

        /// <summary>The most bytes of these lines, and of one best-effort line. Default 256; 1 to 65,536.</summary>
        public int BestEffortBytes = 256;

        /// <summary>What happens when the very first connection fails. Default: keep trying.</summary>
        public FirstConnection FirstConnection = FirstConnection.KeepTrying;

        /// <summary>
        /// The first delay between attempts to connect, in milliseconds; each is twice the one before, minus a random
        /// part of up to half of it, until the link was up for a timeout. Default 500; 0 to 3,600,000.
        /// </summary>
        public int BackOffMs = 500;

        /// <summary>The longest delay. Default 30,000; <see cref="BackOffMs"/> to 86,400,000.</summary>
        public int BackOffCapMs = 30000;

        /// <summary>
        /// The longest pause that a server may ask for; a longer one counts as this. An impostor may send one too. Up
        /// to half of a pause is added. Default 300,000 (5 min); 0 to 86,400,000.
        /// </summary>
        public int MaxRetryMs = 300000;

        /// <summary>
        /// The longest timeout of a server that this client accepts, since it needs as long to notice that the server
        /// has gone; never less than <see cref="TimeoutMs"/>. Default 300,000 (5 min); 1 to 86,400,000.
        /// </summary>
        public int MaxTimeoutMs = 300000;

        /// <summary>
        /// First step when the link stays down: the time limit for an attempt to connect; the next one uses a new
        /// socket. Default 5000; 0 uses the limit of the system.
        /// </summary>
        public int ConnectTimeoutMs = 5000;

        /// <summary>
        /// Second step: the Wi-Fi is switched off and on after the link was down for this long, and again after each
        /// further such time. Default 60,000; 0 never.
        /// </summary>
        public int WifiPatienceMs = 60000;

        /// <summary>How long one attempt to bring the Wi-Fi up may take. Default 30,000.</summary>
        public int WifiConnectMs = 30000;

        /// <summary>
        /// How long a Wi-Fi that came up is watched before it is used, since it often goes again at once. Default -1:
        /// twice <see cref="TimeoutMs"/>; 0: not at all; at most 600,000.
        /// </summary>
        public int WifiSettleMs = -1;

        /// <summary>
        /// Third step: the device is restarted after the link was down for this long. Lines in the outbox are lost
        /// then. Default 1,800,000 (30 min); 0 never.
        /// </summary>
        public int RebootPatienceMs = 1800000;

        /// <summary>
        /// How much later than its time a call of the network may return; then the link's thread counts as hanging, and
        /// the <see cref="Watchdog"/> is not fed any more. A look-up of a name stops all threads and may take half of
        /// that. Default 30,000; 1,000 to 3,600,000.
        /// </summary>
        public int HangMs = 30000;

        /// <summary>
        /// Receives the server's lines. Default null: they wait for <see cref="IotLinkNanoClient.ReadLine"/>.
        /// </summary>
        public LineHandler OnLine;

        /// <summary>Receives changes of state.</summary>
        public StatusHandler OnStatus;

        /// <summary>Receives notices (like <c>verbose</c> of micropython-iot).</summary>
        public NoticeHandler OnNotice;

        /// <summary>Makes the connections. Default null: <see cref="TcpTransport"/>.</summary>
        public INanoTransport Transport;

        /// <summary>The network under the link. Default null: it is always there.</summary>
        public IWifi Wifi;

        /// <summary>Blinks with the server's keepalives. Default null: none.</summary>
        public ILed Led;

        /// <summary>Restarts a device whose link hangs. Default null: none.</summary>
        public IWatchdog Watchdog;

        /// <summary>Restarts the device. Default null: it is never restarted.</summary>
        public IRebooter Rebooter;

        /// <summary>
        /// Keeps lines of the outbox without power, and the session with them, so that a restart resumes it. Default
        /// null: a restart loses the outbox. Needs more memory: see docs/esp32.md.
        /// </summary>
        public IFlash Flash;

        /// <summary>
        /// How long a line waits to be accepted before it goes to the <see cref="Flash"/>, in milliseconds. A longer
        /// time writes less; a loss of power loses the lines of this time. Default 5000; 0 to 86,400,000.
        /// </summary>
        public int KeepAfterMs = 5000;

        /// <summary>The source of random values. Default null: <see cref="SystemRandom"/>.</summary>
        public IRandomSource Random;

        /// <summary>The code that proves the key. Default null: HMAC-SHA-256 in C#.</summary>
        public IMac Mac;
    }
}
