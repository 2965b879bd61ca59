using Rx.IotLink.Protocol;

namespace Rx.IotLink;

/// <summary>A line for a device of a fleet, as its store takes it.</summary>
/// <param name="Id">The device.</param>
/// <param name="Text">The line.</param>
/// <param name="TimeToLive">How long it may wait to be sent; null: for ever.</param>
/// <param name="Key">What it is about, where only the last line counts; or null.</param>
/// <param name="IsReported">Whether its writer learns what becomes of it.</param>
internal readonly record struct FleetWrite(string Id, string Text, TimeSpan? TimeToLive = null, string? Key = null, bool IsReported = false)
{
    /// <summary>Checks what was given.</summary>
    /// <exception cref="ArgumentException">It breaks a rule.</exception>
    public static FleetWrite Of(string id, string line, WriteOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(id);
        _ = LineText.Check(line, int.MaxValue);
        if (options is null)
            return new(id, line);
        options.Validate();
        Require.NotFaulty(options.Delivery == Delivery.ExactlyOnce ? null : "must be ExactlyOnce: lines of a fleet are kept", options.Delivery, nameof(options.Delivery));
        Require.NotFaulty(options.Ordering == Ordering.Ordered ? null : "must be Ordered: lines of a fleet keep their order", options.Ordering, nameof(options.Ordering));
        return new(id, line, options.TimeToLive, options.Key, options.Until == WrittenUntil.Accepted);
    }

    /// <summary>The same for a part of a transaction, which ends at some later time, or not at all.</summary>
    /// <exception cref="ArgumentException">It breaks a rule.</exception>
    public static FleetWrite InTransaction(string id, string line, WriteOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Require.NotFaulty(options.Until == WrittenUntil.Stored ? null : "must be Stored in a transaction: no report follows", options.Until, nameof(options.Until));
        return Of(id, line, options);
    }
}

/// <summary>What has become of a line of a fleet.</summary>
internal enum FleetOutcome : short
{
    /// <summary>Nothing that is known.</summary>
    None = 0,

    /// <summary>The device's application has accepted it.</summary>
    Accepted = 1,

    /// <summary>It had waited for too long.</summary>
    Expired = 2,

    /// <summary>A newer line of its key took its place.</summary>
    Replaced = 3,

    /// <summary>It can never be sent.</summary>
    Refused = 4,

    /// <summary>The memory of its device was deleted.</summary>
    Forgotten = 5,

    /// <summary>Its link has dropped it: it had expired, or was replaced.</summary>
    Dropped = 6,
}

/// <summary>What a store says of a line to its writer.</summary>
/// <param name="Entry">Its number in the outbox.</param>
/// <param name="Outcome">What has become of it.</param>
/// <param name="Detail">Why it can never be sent; or null.</param>
internal readonly record struct FleetReport(long Entry, FleetOutcome Outcome, string? Detail = null);
