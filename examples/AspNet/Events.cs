namespace Examples.AspNet;

/// <summary>
/// The streams of events to the open pages. Each costs a queue and a subscription, so their number has a bound.
/// </summary>
internal static class Events
{
    /// <summary>Pages at a time. Far more than people look at, far fewer than would weigh on the devices.</summary>
    public const int MostPages = 100;

    private static int open;

    /// <summary>Opens one, or answers 503 when there are too many. Gives its place back when the page goes.</summary>
    public static IResult Open(Bulletin bulletin, HttpContext page)
    {
        if (Interlocked.Increment(ref open) > MostPages)
        {
            Interlocked.Decrement(ref open);
            return TypedResults.Problem($"{MostPages} pages are open already.", statusCode: StatusCodes.Status503ServiceUnavailable);
        }

        page.Response.OnCompleted(() =>
        {
            Interlocked.Decrement(ref open);
            return Task.CompletedTask;
        });
        return TypedResults.ServerSentEvents(bulletin.ReadAsync(page.RequestAborted));
    }
}
