using Spectre.Console;
using Spectre.Console.Rendering;

namespace Examples.Common;

/// <summary>
/// A picture at the end of what a terminal shows, drawn anew again and again, and lines that stand above it for good.
/// All that is written while it stands must go through it: whoever writes past it writes into the picture, and is drawn
/// over.
/// </summary>
public sealed class Picture
{
    private readonly Lock _gate = new();
    private IRenderable? _shown;
    private int _height;

    /// <summary>Draws this in the place of what was drawn before. May be called from any thread.</summary>
    public void Show(IRenderable picture)
    {
        lock (_gate)
        {
            Erase();
            _shown = picture;
            Draw();
        }
    }

    /// <summary>Writes a line above the picture. May be called from any thread.</summary>
    public void Line(string markup)
    {
        lock (_gate)
        {
            Erase();
            AnsiConsole.MarkupLine(markup);
            Draw();
        }
    }

    private void Erase()
    {
        // Up to its first line, and clear all from there: a shorter line leaves nothing of a longer one standing.
        if (_height > 0)
            AnsiConsole.Write(new ControlCode($"\r\u001b[{_height}A\u001b[J"));
    }

    private void Draw()
    {
        if (_shown is null)
            return;
        var profile = AnsiConsole.Profile;
        AnsiConsole.Write(_shown);
        _height = Segment.SplitLines(_shown.Render(RenderOptions.Create(AnsiConsole.Console, profile.Capabilities), profile.Width)).Count;
    }
}
