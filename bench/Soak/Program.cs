using Soak;

// Lives many lives of small fleets in virtual time, and counts the promises that were broken: none.
return Settings.Run(args, static (settings, cancellation) => settings.Replays ? Replay.Run(settings) : Campaign.Run(settings, cancellation));
