using System.Net.Security;
using System.Text;

namespace Rx.IotLink.Tests.Security.Callbacks;

/// <summary>
/// One end of a connection, played by a test, and every byte that it has heard: below TLS and above it.
/// </summary>
internal sealed class Wire : IDisposable
{
    private readonly Heard raw;
    private Stream stream;

    public Wire(Stream stream) => this.stream = raw = new(stream);

    /// <summary>All bytes that were heard, as they came and as they were deciphered, one character a byte.</summary>
    public string All => $"{raw.Text}\n{(stream as Heard)?.Text}";

    /// <summary>Goes on with TLS.</summary>
    public async Task SecureAsync(Func<SslStream, Task> handshake)
    {
        var tls = new SslStream(raw);
        stream = new Heard(tls);
        await handshake(tls).WaitAsync(Ends.Bound);
    }

    public async Task SayAsync(string text) => await stream.WriteAsync(Encoding.UTF8.GetBytes(text)).AsTask().WaitAsync(Ends.Bound);

    /// <summary>The next line; null at the end, however it came.</summary>
    public async Task<string?> HearAsync()
    {
        var line = new List<byte>();
        var one = new byte[1];
        try
        {
            while (await stream.ReadAsync(one).AsTask().WaitAsync(Ends.Bound) == 1)
            {
                if (one[0] == '\n')
                    return Encoding.UTF8.GetString([.. line]);
                line.Add(one[0]);
            }
        }
        catch (IOException)
        {
            // It was reset.
        }

        return null;
    }

    public void Dispose() => stream.Dispose();

    /// <summary>A stream that remembers what was read from it.</summary>
    private sealed class Heard(Stream inner) : Stream
    {
        private readonly StringBuilder heard = new();

        public string Text
        {
            get
            {
                lock (heard)
                    return heard.ToString();
            }
        }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var count = await inner.ReadAsync(buffer, cancellationToken);
            lock (heard)
                heard.Append(Encoding.Latin1.GetString(buffer.Span[..count]));
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(buffer, cancellationToken);

        public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);

        public override void Flush() => inner.Flush();

        public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
