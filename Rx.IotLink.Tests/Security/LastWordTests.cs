using System.IO.Pipelines;
using System.Reactive.Linq;
using System.Text;
using Microsoft.AspNetCore.Connections;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Tests.Security;

/// <summary>What is said last, and that nothing is said after it.</summary>
[TestFixture]
internal sealed class LastWordTests
{
    [Test]
    public async Task A_goodbye_waits_for_the_send_that_is_under_way()
    {
        using var stream = new SlowStream("IOTLINK/2 ok epoch=1 tx=1 window=64 max=4000 timeout=20000\n");
        var client = IotLinkClient.Start(new() { Host = "slow", Id = "a", Timeout = Ends.Patience, DrainTimeout = TimeSpan.Zero, Transport = new OneConnection(stream) });
        await client.UpAsync();
        await stream.Writing.WaitAsync(Ends.Bound);

        var closing = client.CloseAsync();
        Assert.That(closing.IsCompleted, Is.False, "closed before the goodbye was said");
        stream.Release();
        await closing.WaitAsync(Ends.Bound);
        Assert.That(stream.Written, Does.StartWith("IOTLINK/2 id=a ").And.EndsWith("\n!bye\n"));
        Assert.That(stream.IsDisposed, Is.True);
    }

    [Test]
    public void A_late_send_never_reaches_the_bare_transport()
    {
        var (secure, bare) = (new Pipe(), new Pipe());
        var context = new DefaultConnectionContext("1", new BothEnds(secure), new BothEnds(secure));
        var connection = new KestrelConnection(context, System.Reactive.Concurrency.DefaultScheduler.Instance, Ends.Patience);
        context.Transport = new BothEnds(bare);
        Assert.That(connection.Output, Is.SameAs(secure.Writer));
        Assert.That(connection.Input, Is.SameAs(secure.Reader));
    }

    private sealed class BothEnds(Pipe pipe) : IDuplexPipe
    {
        public PipeReader Input => pipe.Reader;

        public PipeWriter Output => pipe.Writer;
    }

    private sealed class OneConnection(Stream stream) : ITransport
    {
        public IObservable<IConnection> Connect() => Observable.Return<IConnection>(new StreamConnection(stream, remote: null));
    }

    /// <summary>Has its answer ready, and takes nothing until it is released.</summary>
    private sealed class SlowStream(string answer) : Stream
    {
        private readonly MemoryStream input = new(Encoding.UTF8.GetBytes(answer));
        private readonly MemoryStream output = new();
        private readonly TaskCompletionSource silence = new();
        private readonly TaskCompletionSource writing = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Writing => writing.Task;

        public string Written => Encoding.UTF8.GetString(output.ToArray());

        public bool IsDisposed { get; private set; }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public void Release() => released.SetResult();

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (input.Position == input.Length)
                await silence.Task.WaitAsync(cancellationToken);
            return await input.ReadAsync(buffer, cancellationToken);
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            writing.TrySetResult();
            await released.Task;
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            output.Write(buffer.Span);
        }

        public override void Flush()
        {
        }

        public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            IsDisposed = true;
            base.Dispose(disposing);
        }
    }
}
