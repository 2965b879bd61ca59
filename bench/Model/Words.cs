namespace Model;

/// <summary>Says a step in words.</summary>
internal static class Words
{
    /// <summary>A step from this state.</summary>
    /// <param name="scope">Which way the lines go.</param>
    /// <param name="world">The state before it.</param>
    /// <param name="step">The step.</param>
    /// <param name="isSwapped">Whether the servers have exchanged their names since the start.</param>
    public static string Of(Scope scope, in World world, Step step, bool isSwapped)
    {
        var toServers = scope.Direction == Direction.ToServers;
        var server = $"server {(step.At == 1 ^ isSwapped ? 'B' : 'A')}";
        var opening = toServers
            ? $"epoch={world.Senders[0].Epoch} tx={world.Senders[0].First}"
            : $"peer={world.Receivers[0].Peer} rx={world.Receivers[0].Kept} seen={world.Receivers[0].Arrived}";
        return step.Kind switch
        {
            StepKind.StartClient => "the device starts and reads its store",
            StepKind.Connect => $"the device connects to {server}, {opening}",
            StepKind.ConnectInVain => $"the device connects to {server}, {opening}; the answer is lost",
            StepKind.ConnectLate => $"an opening of the device to {server}, {opening}, is held back by the network",
            StepKind.AdmitLate => $"{server} gets the opening that was held back",
            StepKind.LoseLines => $"the connection to {server} loses lines",
            StepKind.LoseAcknowledgements => $"the connection to {server} loses acknowledgements",
            StepKind.Handle => $"the application of {Receiver()} handles its oldest line",
            StepKind.KeepRecord => $"{Sender()}: the store takes {RecordOf(world.Senders[step.At].Journal[0])}",
            StepKind.KeepAcceptance => $"{Receiver()}: the store takes that lines up to {world.Receivers[step.At].Accepted} are accepted",
            StepKind.Write => $"the application writes line {world.Written + 1} at {Sender()}",
            StepKind.GiveUp => $"line {step.Line} is given up at {Sender()}",
            StepKind.CrashServer => $"{server} is killed",
            StepKind.CrashClient => "the device is killed",
            StepKind.BackUp => "both stores are copied",
            StepKind.RollBack => $"the {scope.RollsBack.ToString().ToLowerInvariant()}'s store is as it was when it was copied",
            _ => step.ToString(),
        };

        string Sender() => toServers ? "the device" : server;
        string Receiver() => toServers ? server : "the device";
    }

    private static string RecordOf((Record Kind, byte Of) record) => record.Kind switch
    {
        Record.Begin => $"that epoch {record.Of} begins",
        Record.Add => $"line {record.Of}",
        Record.Remove => $"that line {record.Of} was given up",
        Record.RemoveThrough => $"that lines before {record.Of} are accepted",
        _ => $"the peer's epoch {record.Of}",
    };
}
