using Microsoft.AspNetCore.Http.HttpResults;
using Rx.IotLink;
using Rx.IotLink.Server;

namespace Examples.AspNet;

/// <summary>
/// What a page asks for: a line for a device. JSON, which no page of another name can send without being asked first.
/// </summary>
internal sealed record Wanted(string Line);

/// <summary>Sends a page's line.</summary>
internal static class Sending
{
    /// <summary>
    /// Answers when the device has accepted the line, however long an outage lasts; a page that does not wait takes
    /// back what was not sent yet.
    /// </summary>
    public static async Task<Results<NoContent, NotFound<string>, BadRequest<string>, ProblemHttpResult>> SendAsync(string id, Wanted wanted, IotLinkServer server, CancellationToken gone)
    {
        if (server.Find(id) is not { } link)
            return TypedResults.NotFound($"No device '{id}' has connected yet.");
        try
        {
            await link.WriteAsync(wanted.Line, gone);
            return TypedResults.NoContent();
        }
        catch (ArgumentException fault)
        {
            return TypedResults.BadRequest(fault.Message);
        }
        catch (LinkClosedException closed)
        {
            return TypedResults.Problem(closed.Message, statusCode: StatusCodes.Status503ServiceUnavailable);
        }
    }
}
