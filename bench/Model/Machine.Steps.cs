namespace Model;

/// <summary>Which steps are possible, and what each does.</summary>
internal sealed partial class Machine
{
    /// <summary>All steps that may come next, faults included.</summary>
    public void Steps(in World world, List<Step> steps)
    {
        steps.Clear();
        for (byte server = 0; server < scope.Servers; server++)
        {
            ConnectionSteps(world, server, steps);
            if (world.CrashesLeft > 0 && IsServerOn(world, server))
                steps.Add(new(StepKind.CrashServer, server));
        }

        if (!IsClientOn(world))
            steps.Add(new(StepKind.StartClient));
        else if (world.CrashesLeft > 0)
            steps.Add(new(StepKind.CrashClient));
        for (byte at = 0; at < SenderCount; at++)
            SenderSteps(world, at, steps);
        for (byte at = 0; at < ReceiverCount; at++)
            ReceiverSteps(world, at, steps);
        if (world.RollbacksLeft > 0)
            steps.Add(new(world.HasBackup ? StepKind.RollBack : StepKind.BackUp));
    }

    /// <summary>The state after a step.</summary>
    public World After(in World world, Step step)
    {
        var next = world;
        switch (step.Kind)
        {
            case StepKind.StartClient when ToServers:
                ClaimAsSender(ref next, 0);
                break;
            case StepKind.StartClient:
                ClaimAsReceiver(ref next, 0);
                break;
            case StepKind.Connect:
            case StepKind.ConnectInVain:
                Connect(ref next, step.At, okArrives: step.Kind == StepKind.Connect);
                break;
            case StepKind.ConnectLate:
                ConnectLate(ref next, step.At);
                break;
            case StepKind.AdmitLate:
                AdmitLate(ref next, step.At);
                break;
            case StepKind.LoseLines:
                next.Connections[step.At].LosesLines = true;
                break;
            case StepKind.LoseAcknowledgements:
                next.Connections[step.At].LosesAcknowledgements = true;
                break;
            case StepKind.Handle:
                Handle(ref next, step.At);
                break;
            case StepKind.KeepRecord:
                KeepRecord(ref next, step.At);
                break;
            case StepKind.KeepAcceptance:
                Keep(ref next, step.At);
                break;
            case StepKind.Write:
                if (!next.Senders[step.At].IsOn)
                    ClaimAsSender(ref next, step.At);
                Write(ref next, step.At);
                break;
            case StepKind.GiveUp:
                GiveUp(ref next, step.At, step.Line);
                break;
            case StepKind.CrashServer:
                CrashServer(ref next, step.At);
                break;
            case StepKind.CrashClient:
                CrashClient(ref next);
                break;
            case StepKind.BackUp:
                BackUp(ref next);
                break;
            case StepKind.RollBack:
                if (!scope.RollsBackAlive)
                    EndProcesses(ref next);
                RollBack(ref next);
                break;
            default:
                throw new ArgumentException($"A step of the kind {step.Kind} is not known.", nameof(step));
        }

        Simplify(ref next);
        return next;
    }

    private void ConnectionSteps(in World world, byte server, List<Step> steps)
    {
        if (IsClientOn(world) && (!ToServers || !world.Senders[0].Journal.Has(Record.Begin)))
        {
            steps.Add(new(StepKind.Connect, server));
            steps.Add(new(StepKind.ConnectInVain, server));
            if (scope.LateOpenings)
                steps.Add(new(StepKind.ConnectLate, server));
        }

        var connection = world.Connections[server];
        if (connection.Late.Epoch != 0)
            steps.Add(new(StepKind.AdmitLate, server));
        if (!IsClientAt(world, server))
            return;
        if (!connection.LosesLines)
            steps.Add(new(StepKind.LoseLines, server));
        if (!connection.LosesAcknowledgements)
            steps.Add(new(StepKind.LoseAcknowledgements, server));
    }

    private void SenderSteps(in World world, byte at, List<Step> steps)
    {
        var sender = world.Senders[at];
        if (world.Written < scope.Lines && (sender.IsOn || !ToServers))
            steps.Add(new(StepKind.Write, at));
        if (sender.Journal.Count > 0)
            steps.Add(new(StepKind.KeepRecord, at));
        for (var place = 0; place < sender.Held.Count && world.GiveUpsLeft > 0; place++)
        {
            var line = sender.Held[place];
            if (place >= sender.Numbered || !(sender.Own | sender.Old).Has(line))
                steps.Add(new(StepKind.GiveUp, at, line));
        }
    }

    private static void ReceiverSteps(in World world, byte at, List<Step> steps)
    {
        if (world.Receivers[at].Inbox.Count > 0)
            steps.Add(new(StepKind.Handle, at));
        if (world.Receivers[at].IsSaving)
            steps.Add(new(StepKind.KeepAcceptance, at));
    }

    private bool IsClientOn(in World world) => ToServers ? world.Senders[0].IsOn : world.Receivers[0].IsOn;

    private bool IsServerOn(in World world, int server) => ToServers ? world.Receivers[server].IsOn : world.Senders[server].IsOn;

    /// <summary>The processes of the end whose store is replaced are ended before.</summary>
    private void EndProcesses(ref World world)
    {
        var left = world.CrashesLeft;
        if (ToServers == (scope.RollsBack == Ends.Sender))
        {
            if (IsClientOn(world))
                CrashClient(ref world);
        }
        else
        {
            for (var server = 0; server < scope.Servers; server++)
            {
                if (IsServerOn(world, server))
                    CrashServer(ref world, server);
            }
        }

        world.CrashesLeft = left;
    }
}

/// <summary>One step.</summary>
internal readonly record struct Step(StepKind Kind, byte At = 0, byte Line = 0);

internal enum StepKind : byte
{
    StartClient,
    Connect,
    ConnectInVain,
    ConnectLate,
    AdmitLate,
    LoseLines,
    LoseAcknowledgements,
    Handle,
    KeepRecord,
    KeepAcceptance,
    Write,
    GiveUp,
    CrashServer,
    CrashClient,
    BackUp,
    RollBack,
}
